//! A caller in Rust, of a handler of any language.
use shmbus::{command, schema, Bus, CallerOptions, Str};
use std::time::Duration;

schema! {
    pub struct Person {
        pub name: Str<32>,
    }
}

command! { Greet = "greet": Person => Str<64>; }

fn main() -> shmbus::Result<()> {
    let mut words = std::env::args().skip(1);
    let bus = Bus::open(&words.next().unwrap_or_else(|| "hello".into()))?;
    let name = words.next().unwrap_or_else(|| "world".into());
    // start in any order
    let greet = bus.caller_with::<Greet>(CallerOptions::new().wait_for_handler())?;
    let person = Person { name: name.as_str().try_into()? };
    println!("{}", greet.call(&person, Duration::from_secs(2))?);
    Ok(())
}
