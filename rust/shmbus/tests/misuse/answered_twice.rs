// error: E0382
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(to: Responder<u32>) -> Result<()> {
    to.reply(&1)?;
    to.reply(&2)?; // wrong
    Ok(())
}

fn main() {}
