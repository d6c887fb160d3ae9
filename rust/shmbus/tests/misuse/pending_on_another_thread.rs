// error: E0277
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(caller: &'static Caller<Number>) -> Result<()> {
    let call = caller.start(&1, Timeout::DEFAULT)?;
    std::thread::spawn(move || call.wait()); // wrong
    Ok(())
}

fn main() {}
