//! Events and streams, both sides.
mod common;

use common::{Executor, Running, TestBus, SECONDS};
use shmbus::{
    command, event, schema, CallerOptions, ErrorKind, PublisherOptions, Records, Reject,
    StreamOptions, SubscriberOptions, Timeout,
};
use std::time::Duration;

schema! {
    #[derive(PartialEq)]
    struct Tick { number: u64, price: i64 }
}
event! {
    Price = "price.changed": Tick;
    Wrong = "price.changed": u8;
}
command! { Command = "price.changed": u8 => u8; }

const NOW: Duration = Duration::ZERO;

#[test]
fn events_come_in_order() {
    let bus = TestBus::new();
    let mut early = bus.subscribe::<Price>(SubscriberOptions::new()).unwrap();
    assert_eq!(early.next(NOW).unwrap_err().kind(), ErrorKind::TimedOut);
    let mut out = bus.publisher::<Price>(PublisherOptions::new().keep(4)).unwrap();
    assert_eq!(out.publish(&Tick { number: 1, price: -5 }, SECONDS).unwrap(), 1);
    let mut loan = out.loan(SECONDS).unwrap();
    loan.number = 2;
    assert_eq!(loan.publish().unwrap(), 2);
    let first = early.next(SECONDS).unwrap();
    assert_eq!((first.value, first.sequence), (Tick { number: 1, price: -5 }, 1));
    assert_eq!(early.next(SECONDS).unwrap().number, 2);
    assert_eq!(early.missed(), 0);

    let mut latest = bus.subscribe::<Price>(SubscriberOptions::new().from_latest()).unwrap();
    assert_eq!(latest.next(NOW).unwrap().number, 2);
    drop(out); // the last ones stay
    let mut oldest = bus.subscribe::<Price>(SubscriberOptions::new().from_oldest()).unwrap();
    assert_eq!(oldest.next(NOW).unwrap().number, 1);

    let error = bus.subscribe::<Wrong>(SubscriberOptions::new()).err().expect("other types");
    assert_eq!(error.kind(), ErrorKind::TypeMismatch);
    let mut server = bus.server().unwrap();
    let error = server.on::<Command>(|_, _| Ok(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyRegistered);
}

#[test]
fn events_as_bytes() {
    let bus = TestBus::new();
    let mut out =
        bus.raw_publisher("lines", None, PublisherOptions::new().event_bytes(100)).unwrap();
    let mut held = bus.raw_subscriber("lines", None, SubscriberOptions::new().hold()).unwrap();
    out.publish(b"one", SECONDS).unwrap();
    let mut loan = out.loan(10, SECONDS).unwrap();
    loan[..3].copy_from_slice(b"two");
    loan.shrink(3);
    loan.publish().unwrap();
    assert_eq!(&*held.next(SECONDS).unwrap(), b"one");
    assert!(held.is_ready());
    assert_eq!(&*held.next(SECONDS).unwrap(), b"two");
    assert_eq!(out.publish(&[0; 10_000], SECONDS).unwrap_err().kind(), ErrorKind::TooLarge);
    // One that holds and does not read is named.
    let full = (0..100_000).find_map(|_| out.publish(b"more", NOW).err()).expect("full");
    assert_eq!(full.kind(), ErrorKind::Overloaded);
}

#[test]
fn events_are_awaited() {
    let bus = TestBus::new();
    let executor = Executor::new();
    let mut out = bus.publisher::<Price>(PublisherOptions::new().keep(100)).unwrap();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let mut input = bus.subscribe::<Price>(SubscriberOptions::new().hold()).unwrap();
            executor.spawn(async move {
                let mut sum = 0;
                while let Ok(tick) = input.next_async(SECONDS).await {
                    sum += tick.number;
                    if tick.number == 50 {
                        break;
                    }
                }
                let nothing = input.next_async(Duration::from_millis(20)).await.unwrap_err();
                assert_eq!(nothing.kind(), ErrorKind::TimedOut);
                sum
            })
        })
        .collect();
    let thread = std::thread::spawn(move || {
        for number in 1..=50 {
            out.publish(&Tick { number, price: 0 }, SECONDS).unwrap();
            std::thread::sleep(Duration::from_micros(200));
        }
        out
    });
    executor.run();
    assert!(readers.iter().all(|one| one.take() == Some(1275)));
    drop(thread.join().unwrap());
}

#[test]
fn records_both_ways() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    server
        .on_raw("out", None, |command| {
            let mut writer = command.writer()?;
            for i in 0..u32::from(command.request()[0]) {
                writer.put(&i.to_le_bytes(), Timeout::DEFAULT)?;
            }
            Ok(())
        })
        .unwrap();
    server
        .on_raw("in", None, |command| {
            let mut reader = command.reader()?;
            let mut bytes = 0;
            while let Some(record) = reader.next(Timeout::DEFAULT)? {
                bytes += record.len() as u64;
            }
            drop(reader);
            command.reply(&bytes.to_le_bytes())?;
            Ok(())
        })
        .unwrap();
    server
        .on_raw("both", None, |command| {
            let (mut reader, mut writer) = (command.reader()?, command.writer()?);
            while let Some(record) = reader.next(Timeout::DEFAULT)? {
                if record.is_empty() {
                    return Err(Reject::new(4, "empty"));
                }
                writer.put(record, Timeout::DEFAULT)?;
            }
            Ok(())
        })
        .unwrap();
    let _running = Running::new(server);
    let caller = |name| bus.raw_caller(name, None, CallerOptions::new()).unwrap();
    let (from, to, both) = (caller("out"), caller("in"), caller("both"));

    let mut stream = from.open(&[200], StreamOptions::new(Records::FromHandler)).unwrap();
    let mut count = 0u32;
    while let Some(record) = stream.next(SECONDS).unwrap() {
        assert_eq!(record, count.to_le_bytes());
        count += 1;
    }
    stream.end().unwrap();
    assert_eq!(count, 200);

    let options = StreamOptions::new(Records::ToHandler).reply_room(8).window(4096);
    let mut stream = to.open(&[], options).unwrap();
    for _ in 0..100 {
        assert!(stream.put(&[1; 333], SECONDS).unwrap());
    }
    assert_eq!(&*stream.finish().unwrap(), 33_300u64.to_le_bytes());

    let mut stream = both.open(&[], StreamOptions::new(Records::Both)).unwrap();
    for i in 1..50 {
        assert!(stream.put(&vec![7; i], SECONDS).unwrap());
        assert_eq!(stream.next(SECONDS).unwrap().unwrap().len(), i);
    }
    assert!(stream.put(&[], SECONDS).unwrap());
    assert!(stream.next(SECONDS).unwrap().is_none());
    let error = stream.end().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, 4));
}

#[test]
fn a_stream_that_is_dropped_is_cancelled() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    server
        .on_raw("endless", None, move |command| {
            let mut writer = command.writer()?;
            loop {
                if let Err(error) = writer.put(&[0; 100], Timeout::DEFAULT) {
                    tell.send(error.kind()).unwrap();
                    return Err(error.into());
                }
            }
        })
        .unwrap();
    let _running = Running::new(server);
    let caller = bus.raw_caller("endless", None, CallerOptions::new()).unwrap();
    let mut stream = caller.open(&[], StreamOptions::new(Records::FromHandler)).unwrap();
    assert!(stream.next(SECONDS).unwrap().is_some());
    drop(stream);
    assert_eq!(told.recv_timeout(SECONDS).unwrap(), ErrorKind::Cancelled);
}
