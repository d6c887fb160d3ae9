// error: E0521
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(server: &mut Server) -> Result<()> {
    let (keep, _kept) = std::sync::mpsc::channel::<&'static [u8]>();
    server.on_raw("name", None, move |command| {
        let request = command.request();
        keep.send(request).unwrap(); // wrong
        command.reply(request)?;
        Ok(())
    })
}

fn main() {}
