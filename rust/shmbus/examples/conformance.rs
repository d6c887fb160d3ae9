//! The peer of Rust for tests/conformance: both sides, driven by words and bytes. See the page
//! there.
#[path = "conformance/call.rs"]
mod call;
#[path = "conformance/handle.rs"]
mod handle;
#[path = "conformance/words.rs"]
mod words;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["features"] => {
            words::say("calls loans causes defer takeover gone inherits events streams");
            Ok(())
        }
        ["handle", bus, how] => handle::run(bus, how),
        ["call", bus] => call::run(bus),
        _ => {
            eprintln!("usage: conformance features | handle BUS HOW | call BUS");
            std::process::exit(2);
        }
    };
    if let Err(error) = done {
        words::say(&words::error_line(&error));
        std::process::exit(1);
    }
}
