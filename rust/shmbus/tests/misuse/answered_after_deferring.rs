// error: E0382
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(server: &mut Server) -> Result<()> {
    server.on_raw("name", None, |command| {
        let later = command.defer();
        command.reply(&[])?; // wrong
        drop(later);
        Ok(())
    })
}

fn main() {}
