// error: E0499
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(server: &mut Server) -> Result<()> {
    server.on_raw("name", None, |mut command| {
        let one = command.reply_buffer(8);
        let two = command.reply_buffer(8); drop(two); // wrong
        drop(one);
        Ok(())
    })
}

fn main() {}
