// error: E0277
use shmbus::*;

command! { Number = "number": u32 => u32; }

fn f(caller: Caller<Number>) {
    let caller = std::sync::Arc::new(caller);
    let shared = caller.clone();
    let there = move || shared.call(&1, Timeout::DEFAULT);
    std::thread::spawn(there); // wrong
}

fn main() {}
