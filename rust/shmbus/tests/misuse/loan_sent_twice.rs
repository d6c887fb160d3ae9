// error: E0382
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(caller: &Caller<Number>) -> Result<()> {
    let mut loan = caller.loan()?;
    *loan = 1;
    loan.send(Timeout::DEFAULT)?;
    loan.send(Timeout::DEFAULT)?; // wrong
    Ok(())
}

fn main() {}
