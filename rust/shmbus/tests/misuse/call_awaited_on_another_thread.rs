// error: E0277
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn spawn(_: impl std::future::Future + Send) {}

fn f(caller: &Caller<Number>) {
    let call = caller.call_async(&1, Timeout::DEFAULT);
    spawn(call); // wrong
}

fn main() {}
