// error: E0505
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(caller: Caller<Number>) -> Result<()> {
    let loan = caller.loan()?;
    drop(caller); // wrong
    loan.send(Timeout::DEFAULT)?;
    Ok(())
}

fn main() {}
