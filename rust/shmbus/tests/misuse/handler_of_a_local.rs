// error: E0373
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(server: &mut Server) -> Result<()> {
    let count = 1;
    return server.on::<Number>(|number, _| Ok(number + count)); // wrong
    server.on::<Number>(move |number, _| Ok(number + count))
}

fn main() {}
