// error: E0277
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(server: &mut Server) -> Result<()> {
    let count = std::rc::Rc::new(1);
    let count = std::sync::Arc::new(*count);
    let count = std::rc::Rc::new(*count); // wrong
    server.on::<Number>(move |number, _| Ok(number + *count))
}

fn main() {}
