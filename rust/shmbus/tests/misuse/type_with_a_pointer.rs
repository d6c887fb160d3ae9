// error: E0277
use shmbus::*;

schema! {
    struct Wrong {
        text: &'static str, // wrong
        number: u32,
    }
}

fn main() {}
