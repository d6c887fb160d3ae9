// error: E0505
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(caller: Caller<Number>) -> Result<()> {
    let call = caller.start(&1, Timeout::DEFAULT)?;
    std::thread::spawn(move || caller); // wrong
    call.wait()?;
    Ok(())
}

fn main() {}
