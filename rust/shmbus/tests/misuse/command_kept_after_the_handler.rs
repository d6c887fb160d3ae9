// error: E0521
use shmbus::*;

fn keep(_: RawCommand<'static>) {}

fn f(server: &mut Server) -> Result<()> {
    server.on_raw("name", None, |command| {
        keep(command); // wrong
        Ok(())
    })
}

fn main() {}
