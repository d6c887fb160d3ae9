//! A handler in Rust. Its callers may be of any language.
use shmbus::{command, schema, Bus, Str};

schema! {
    pub struct Person {
        pub name: Str<32>,
    }
}

command! { Greet = "greet": Person => Str<64>; }

fn main() -> shmbus::Result<()> {
    let bus = Bus::open(&std::env::args().nth(1).unwrap_or_else(|| "hello".into()))?;
    let mut server = bus.server()?;
    server.on::<Greet>(|person, _| {
        let greeting = format!("hello from Rust, {}", person.name);
        Ok(Str::try_from(&*greeting)?) // what fails is a rejection with its text
    })?;
    server.stop_on_signals()?; // SIGTERM and SIGINT; killed, it leaves nothing either
    server.run()
}
