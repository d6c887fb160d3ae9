// error: E0308
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(server: &mut Server) -> Result<()> {
    server.on::<Number>(|number, _| {
        return Ok("a text"); // wrong
        Ok(number + 1)
    })
}

fn main() {}
