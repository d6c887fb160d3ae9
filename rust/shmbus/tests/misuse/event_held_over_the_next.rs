// error: E0499
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(input: &mut RawSubscriber) -> Result<()> {
    let one = input.next(Timeout::DEFAULT)?;
    let two = input.next(Timeout::DEFAULT)?; drop(two); // wrong
    drop(one);
    Ok(())
}

fn main() {}
