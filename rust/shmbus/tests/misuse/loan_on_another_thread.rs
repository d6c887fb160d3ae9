// error: E0277
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(caller: &'static RawCaller) -> Result<()> {
    let mut loan = caller.loan(8, 8)?;
    std::thread::spawn(move || loan[0] = 1); // wrong
    Ok(())
}

fn main() {}
