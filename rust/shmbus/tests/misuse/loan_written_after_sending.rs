// error: E0505
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(caller: &RawCaller) -> Result<()> {
    let mut loan = caller.loan(8, 8)?;
    let bytes = &mut loan[..];
    bytes[0] = 1;
    let reply = loan.call(Timeout::DEFAULT)?;
    bytes[0] = 2; // wrong
    drop(reply);
    Ok(())
}

fn main() {}
