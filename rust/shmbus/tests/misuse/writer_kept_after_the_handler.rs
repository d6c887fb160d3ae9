// error: E0505
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(command: RawCommand<'_>) -> Result<()> {
    let writer = command.writer()?;
    drop(command.defer()); // wrong
    drop(writer);
    Ok(())
}

fn main() {}
