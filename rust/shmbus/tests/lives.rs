//! Both sides in one process: deadlines, cancellation, threads, names that come and go, successors.
mod common;

use common::{Running, TestBus, SECONDS};
use shmbus::{command, Bus, ErrorKind, Reject, Timeout};
use std::sync::mpsc::{channel, sync_channel};
use std::time::Duration;

command! {
    Number = "number": u32 => u32;
}

#[test]
fn deadlines_and_cancellation_reach_the_handler() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    let (began, begun) = sync_channel(1);
    server
        .on::<Number>(move |number, context| {
            assert_eq!(context.remaining().is_some(), *number == 0);
            began.send(*number)?;
            while !context.is_cancelled() {
                std::thread::yield_now();
            }
            Err(Reject::new(9, "was cancelled"))
        })
        .unwrap();
    let _running = Running::new(server);
    let caller = bus.caller::<Number>().unwrap();
    let error = caller.call(&0, Duration::from_millis(300)).unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::TimedOut, true), "{error}");
    assert_eq!(begun.recv().unwrap(), 0);
    let mut call = caller.start(&1, Timeout::FOREVER).unwrap();
    assert_eq!(begun.recv().unwrap(), 1);
    assert!(!call.is_ready());
    call.cancel();
    let error = call.wait().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, 9));
}

#[test]
fn a_caller_follows_its_owner_to_other_threads() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    server.on::<Number>(|number, _| Ok(number + 1)).unwrap();
    let _running = Running::new(server);
    let mut caller = bus.caller::<Number>().unwrap();
    for i in 0..20 {
        // Each thread ends, and takes the handle along that the caller leaves behind.
        caller = std::thread::spawn(move || {
            assert_eq!(caller.call(&i, SECONDS).unwrap(), i + 1);
            caller
        })
        .join()
        .unwrap();
        assert_eq!(caller.call(&i, SECONDS).unwrap(), i + 1);
    }
    let clone = caller.clone();
    let there = std::thread::spawn(move || clone.call(&5, SECONDS).unwrap());
    assert_eq!((caller.call(&1, SECONDS).unwrap(), there.join().unwrap()), (2, 6));
}

#[test]
fn names_come_and_go() {
    let bus = TestBus::new();
    let mut watch = bus.watch(&["number"]).unwrap();
    assert!(watch.poll().unwrap().iter().all(|one| !one.available));
    let mut server = bus.server().unwrap();
    server.on::<Number>(|number, _| Ok(*number)).unwrap();
    bus.wait_until_available("number", SECONDS).unwrap();
    assert!(watch.wait(SECONDS).unwrap());
    let found = watch.poll().unwrap();
    assert_eq!((found.len(), &*found[0].name, found[0].available), (1, "number", true));
    server.off("number").unwrap();
    assert!(watch.wait(SECONDS).unwrap());
    assert!(!watch.poll().unwrap()[0].available);
}

#[test]
fn a_successor_takes_over() {
    let bus = TestBus::new();
    let mut first = bus.server().unwrap();
    first.on::<Number>(|_, _| Ok(1)).unwrap();
    let (replaced, was_replaced) = channel();
    let thread = std::thread::spawn(move || {
        first.run().unwrap();
        replaced.send(first.is_replaced()).unwrap();
    });
    let caller = bus.caller::<Number>().unwrap();
    assert_eq!(caller.call(&0, SECONDS).unwrap(), 1);
    let successor = Bus::open(bus.path().to_str().unwrap()).unwrap(); // as another process does
    let mut second = successor.server_with(shmbus::ServeOptions::new().stand_by()).unwrap();
    second.on::<Number>(|_, _| Ok(2)).unwrap();
    second.take_over(SECONDS, shmbus::IfUnresponsive::Fail).unwrap();
    let _running = Running::new(second);
    assert_eq!(caller.call(&0, SECONDS).unwrap(), 2);
    assert!(was_replaced.recv_timeout(SECONDS).unwrap());
    thread.join().unwrap();
}
