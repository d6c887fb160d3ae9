//! Both sides in one thread, awaited.
use shmbus::{block_on, command, Bus, CallerOptions, Str};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

command! { Greet = "greet.async": Str<32> => Str<64>; }

fn main() -> shmbus::Result<()> {
    let bus = Bus::open(&std::env::args().nth(1).unwrap_or_else(|| "hello".into()))?;
    let mut server = bus.server()?;
    server.on::<Greet>(|name, _| Ok(Str::try_from(&*format!("hello, {name}"))?))?;
    let stop = server.remote();
    let caller = bus.caller_with::<Greet>(CallerOptions::new().wait_for_handler())?;
    let calls = async {
        let ada = caller.call_async(&Str::new("Ada"), Duration::from_secs(2)).await?;
        let bob = caller.call_async(&Str::new("Bob"), Duration::from_secs(2)).await?;
        println!("{ada} and {bob}");
        stop.stop();
        shmbus::Result::Ok(())
    };
    block_on(Both(Box::pin(server.serve()), Some(Box::pin(calls))))
}

/// Polls two futures. Any executor does it better; the crate depends on none.
struct Both<A, B>(Pin<Box<A>>, Option<Pin<Box<B>>>);

impl<A, B> Future for Both<A, B>
where
    A: Future<Output = shmbus::Result<()>>,
    B: Future<Output = shmbus::Result<()>>,
{
    type Output = shmbus::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(second) = &mut self.1 {
            if let Poll::Ready(result) = second.as_mut().poll(context) {
                result?;
                self.1 = None;
            }
        }
        self.0.as_mut().poll(context)
    }
}
