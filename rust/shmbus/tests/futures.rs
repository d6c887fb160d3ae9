//! Calls and servers that are awaited: by an executor of one thread that polls what was woken.
mod common;

use common::{Executor, Running, TestBus, SECONDS};
use shmbus::{block_on, command, CallerOptions, ErrorKind, Timeout};
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

command! {
    Number = "number": u32 => u32;
    Slow = "slow": u32 => u32;
}

#[test]
fn many_calls_at_once() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    let (to_thread, deferred) = channel();
    server.on_deferred::<Number>(move |number, to| to_thread.send((*number, to)).unwrap()).unwrap();
    let _running = Running::new(server);
    // Answers in the reverse order, once all are there: nobody waits for another.
    let thread = std::thread::spawn(move || {
        let mut all: Vec<_> = deferred.iter().take(20).collect();
        all.reverse();
        for (number, to) in all {
            std::thread::sleep(Duration::from_millis(1));
            to.reply(&(number + 1)).unwrap();
        }
    });
    let executor = Executor::new();
    let caller = Rc::new(bus.caller::<Number>().unwrap());
    let results: Vec<_> = (0..20)
        .map(|i| {
            let caller = caller.clone();
            executor.spawn(async move { caller.call_async(&i, SECONDS).await.unwrap() })
        })
        .collect();
    executor.run();
    for (i, one) in results.iter().enumerate() {
        assert_eq!(one.take(), Some(i as u32 + 1));
    }
    thread.join().unwrap();
}

#[test]
fn both_sides_in_one_thread() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    server.on::<Number>(|number, _| Ok(number * 2)).unwrap();
    let stop = server.remote();
    let executor = Executor::new();
    let served = executor.spawn(async move { server.serve().await });
    let caller = bus.caller::<Number>().unwrap();
    let sum = executor.spawn(async move {
        let mut sum = 0;
        for i in 0..100 {
            sum += caller.call_async(&i, Timeout::DEFAULT).await.unwrap();
        }
        stop.stop();
        sum
    });
    executor.run();
    assert_eq!(sum.take(), Some(9900));
    served.take().unwrap().unwrap();
}

#[test]
fn errors_and_deadlines() {
    let bus = TestBus::new();
    let caller = bus.caller::<Number>().unwrap();
    let error = block_on(caller.call_async(&1, SECONDS)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    let waits = bus.caller_with::<Number>(CallerOptions::new().wait_for_handler()).unwrap();
    let error = block_on(waits.call_async(&1, Duration::from_millis(30))).unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotRegistered, false));

    // The handler comes while the call waits for it.
    let other = bus.0.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        let mut server = other.server().unwrap();
        server.on::<Number>(|number, _| Ok(*number)).unwrap();
        Running::new(server)
    });
    assert_eq!(block_on(waits.call_async(&7, SECONDS)).unwrap(), 7);
    drop(thread.join().unwrap());

    let mut server = bus.server().unwrap();
    let (hold, held) = channel();
    server.on_deferred::<Slow>(move |_, to| hold.send(to).unwrap()).unwrap();
    let _running = Running::new(server);
    let slow = bus.caller::<Slow>().unwrap();
    let before = Instant::now();
    let error = block_on(slow.call_async(&1, Duration::from_millis(50))).unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::TimedOut, true));
    assert!(before.elapsed() >= Duration::from_millis(50));
    drop(held);
}

#[test]
fn dropping_a_call_cancels_the_command() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    let (hold, held) = channel();
    server.on_deferred::<Slow>(move |_, to| hold.send(to).unwrap()).unwrap();
    let _running = Running::new(server);
    let slow = bus.caller::<Slow>().unwrap();
    let responder = {
        let mut call = Box::pin(slow.call_async(&1, SECONDS));
        // Polled once: begun.
        let waker = std::sync::Arc::new(Nobody).into();
        let mut context = std::task::Context::from_waker(&waker);
        assert!(std::future::Future::poll(call.as_mut(), &mut context).is_pending());
        let responder = held.recv_timeout(SECONDS).unwrap();
        assert!(!responder.is_cancelled());
        responder
    };
    assert!(responder.is_cancelled());
}

struct Nobody;

impl std::task::Wake for Nobody {
    fn wake(self: std::sync::Arc<Self>) {}
}
