// error: E0499
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(stream: &mut RawStream<'_>) -> Result<()> {
    let one = stream.next(Timeout::DEFAULT)?;
    let two = stream.next(Timeout::DEFAULT)?; drop(two); // wrong
    drop(one);
    Ok(())
}

fn main() {}
