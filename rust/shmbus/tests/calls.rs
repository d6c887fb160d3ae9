//! Both sides in one process: values, bytes, loans, errors.
mod common;

use common::{Running, TestBus, SECONDS};
use shmbus::{
    command, schema, CallerOptions, ErrorKind, Message, OpenOptions, Opt, Reject, Seq, Str, Text,
    Timeout, Vector,
};
use std::sync::mpsc::channel;
use std::time::Duration;

schema! {
    #[derive(PartialEq)]
    pub struct Person {
        name: Str<32>,
        likes: Colour,
        tags: Vector<u32, 4>,
        nick: Opt<Str<16>>,
    }
    enum Colour: u8 { Red as "red" = 0, Green as "green" = 1 }
    struct Note { id: u64, body: Text, samples: Seq<f32> }
    struct Big { at: u64, bytes: [u8; 4096] }
}

command! {
    Greet = "greet": Person => Str<64>;
    Echo = "echo": Person => Person;
    Nothing = "nothing": () => ();
    Notes = "notes": Note => Note;
    Sum = "sum": Big => u64;
    Number = "number": u32 => u32;
    Other = "number": u64 => u32;
}

fn ada() -> Person {
    let mut person = Person { name: Str::new("Ada"), likes: Colour::Green, ..Person::default() };
    assert!(person.tags.push(7));
    person.nick = Str::new("a").into();
    person
}

#[test]
fn values_go_both_ways() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    server
        .on::<Greet>(|person, context| {
            assert_eq!(context.name(), "greet");
            assert_eq!(context.caller().pid, std::process::id());
            assert!(!context.is_one_way() && !context.is_cancelled() && !context.caller_gone());
            Ok(format!("hello, {}", person.name).as_str().try_into()?)
        })
        .unwrap();
    server.on::<Echo>(|person, _| Ok(*person)).unwrap();
    server.on::<Nothing>(|(), _| Ok(())).unwrap();
    let _running = Running::new(server);

    let greet = bus.caller::<Greet>().unwrap();
    assert_eq!(greet.call(&ada(), SECONDS).unwrap(), "hello, Ada");
    assert_eq!(greet.start(&ada(), SECONDS).unwrap().wait().unwrap(), "hello, Ada");
    let mut loan = greet.loan().unwrap();
    assert_eq!(*loan, Person::default());
    loan.name = Str::new("Bob");
    assert_eq!(loan.call(SECONDS).unwrap(), "hello, Bob");
    let echo = bus.caller::<Echo>().unwrap();
    let back = echo.call(&ada(), Timeout::DEFAULT).unwrap();
    assert_eq!((back.tags.as_slice(), back.nick.get()), (&[7][..], Some(Str::new("a"))));
    assert_eq!(back, ada());
    bus.caller::<Nothing>().unwrap().call(&(), SECONDS).unwrap();
    assert_eq!(bus.schema("nothing").unwrap(), "none->none");
}

#[test]
fn texts_and_sequences_of_any_length() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    server
        .on_message::<Notes>(|note, _| {
            let mut reply = Message::<Note>::new();
            let body = reply.text(&note.text(|one| one.body).to_uppercase());
            let mut samples = note.seq(|one| one.samples)?;
            samples.reverse();
            let samples = reply.seq(&samples);
            Ok(reply.finish(Note { id: note.id + 1, body, samples }))
        })
        .unwrap();
    let _running = Running::new(server);
    let mut message = Message::<Note>::new();
    let body = message.text(&"long ".repeat(1000));
    let samples = message.seq(&[1.0f32, 2.5]);
    let request = message.finish(Note { id: 1, body, samples });
    let reply = bus.caller::<Notes>().unwrap().call_message(&request, SECONDS).unwrap();
    assert_eq!(reply.id, 2);
    assert_eq!(reply.text(|one| one.body), "LONG ".repeat(1000));
    assert_eq!(reply.seq(|one| one.samples).unwrap(), [2.5, 1.0]);
}

#[test]
fn bytes_and_loans() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    server
        .on_raw("reverse", None, |command| {
            let bytes: Vec<u8> = command.request().iter().rev().copied().collect();
            if bytes.is_empty() {
                return Err(Reject::new(3, "nothing to reverse"));
            }
            command.reply(&bytes)?;
            Ok(())
        })
        .unwrap();
    server
        .on::<Sum>(|big, _| Ok(big.at + big.bytes.iter().map(|one| u64::from(*one)).sum::<u64>()))
        .unwrap();
    let _running = Running::new(server);
    let caller = bus.raw_caller("reverse", None, CallerOptions::new()).unwrap();
    let mut room = [0; 16];
    assert_eq!(caller.call(b"abc", &mut room, SECONDS).unwrap(), 3);
    assert_eq!(&room[..3], b"cba");
    let mut loan = caller.loan(100_000, 100_000).unwrap();
    loan.iter_mut().enumerate().for_each(|(i, one)| *one = i as u8);
    let reply = loan.call(SECONDS).unwrap();
    assert_eq!((reply.len(), reply[0]), (100_000, (99_999 % 256) as u8));
    let mut loan = caller.loan(10, 10).unwrap();
    loan[..2].copy_from_slice(b"xy");
    loan.shrink(2);
    assert_eq!(&*loan.call(SECONDS).unwrap(), b"yx");

    let error = caller.call(b"too long", &mut [0; 2], SECONDS).unwrap_err();
    assert_eq!((error.kind(), error.needed()), (ErrorKind::TooLarge, 8));
    // More than there is room for in the segment: the handler's `?` leaves the caller that error.
    let error = caller.start(&[1; 500], 100, SECONDS).unwrap().wait().map(|_| ()).unwrap_err();
    assert_eq!((error.kind(), error.needed()), (ErrorKind::TooLarge, 500), "{error}");
    let error = caller.call(b"", &mut room, SECONDS).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, 3));
    assert!(error.may_have_run() && error.text().contains("nothing to reverse"), "{error}");

    let sum = bus.caller::<Sum>().unwrap();
    let mut loan = sum.loan().unwrap();
    loan.at = 5;
    loan.bytes[4095] = 2;
    assert_eq!(loan.call(SECONDS).unwrap(), 7);
}

#[test]
fn one_way_commands() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    let (got, come) = channel();
    server
        .on::<Number>(move |number, context| {
            assert!(context.is_one_way());
            got.send(*number)?;
            Ok(0)
        })
        .unwrap();
    let options = CallerOptions::new().report_lost();
    let caller = bus.caller_with::<Number>(options).unwrap();
    caller.send(&1, SECONDS).unwrap();
    caller.send_later(&2, SECONDS).unwrap();
    caller.raw().flush().unwrap();
    let running = Running::new(server);
    assert_eq!((come.recv().unwrap(), come.recv().unwrap()), (1, 2));
    assert_eq!(caller.raw().take_lost(), []);
    drop(running);
}

#[test]
fn errors_by_kind() {
    let bus = TestBus::new();
    let caller = bus.caller::<Number>().unwrap();
    let error = caller.call(&1, SECONDS).unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotRegistered, false));
    assert!(error.to_string().starts_with("not_registered: "), "{error}");

    let waits = bus.caller_with::<Number>(CallerOptions::new().wait_for_handler()).unwrap();
    let error = waits.call(&1, Duration::from_millis(20)).unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotRegistered, false));

    let mut server = bus.server().unwrap();
    server
        .on::<Number>(|number, _| match number {
            0 => panic!("no zero"),
            1 => Err(Reject::new(42, "not \u{7} one")),
            _ => Ok("no number".parse::<u32>()?),
        })
        .unwrap();
    let error = server.on::<Number>(|_, _| Ok(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyRegistered);
    let _running = Running::new(server);
    let error = bus.caller::<Other>().err().expect("other types");
    assert_eq!(error.kind(), ErrorKind::TypeMismatch);
    let error = caller.call(&1, SECONDS).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, 42));
    assert!(error.text().contains('\u{7}') && !error.to_string().contains('\u{7}'));
    for number in [0, 2] {
        let error = caller.call(&number, SECONDS).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, -1), "{error}");
    }
    let error = bus.raw_caller("with\0zero", None, CallerOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let error = OpenOptions::new().create(false).open("rust-there-is-none").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BusUnusable);
}

#[test]
fn values_that_are_none_are_refused() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    server.on::<Echo>(|person, _| Ok(*person)).unwrap();
    server
        .on_raw("greet", None, |command| {
            command.reply(&[0xff; 68])?;
            Ok(())
        })
        .unwrap();
    let wrong = "none->{ok:bool@0}1/1";
    server
        .on_raw("wrong", Some(wrong), |command| {
            command.reply(&[2])?;
            Ok(())
        })
        .unwrap();
    let _running = Running::new(server);
    schema! { struct Flag { ok: bool } }
    command! { Wrong = "wrong": () => Flag; }
    let error = bus.caller::<Wrong>().unwrap().call(&(), SECONDS).unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Corrupted, true), "{error}");
    // A size beyond the text is cut.
    let text = bus.caller::<Greet>().unwrap().call(&Person::default(), SECONDS).unwrap();
    assert_eq!(text.as_bytes(), [0xff; 64]);
    assert!(text.to_str().is_err() && text.to_string_lossy().contains('\u{fffd}'));
    let bytes = bus.raw_caller("echo", None, CallerOptions::new()).unwrap();
    for (request, code) in [(vec![9u8; 88], -3), (vec![0; 3], -2)] {
        let error = bytes.call(&request, &mut [0; 128], SECONDS).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, code), "{error}");
    }
}

#[test]
fn types_may_grow_at_their_end() {
    mod before {
        shmbus::schema! { pub struct Item { pub id: u32 } }
        shmbus::command! { pub Grow = "grow": Item => Item; }
    }
    mod after {
        shmbus::schema! { pub struct Item { pub id: u32, pub more: shmbus::Opt<u64> } }
        shmbus::command! { pub Grow = "grow": Item => Item; }
    }
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    server
        .on::<after::Grow>(|item, _| {
            let more = Some(item.more.get().unwrap_or(100) + 1);
            Ok(after::Item { id: item.id, more: more.into() })
        })
        .unwrap();
    let running = Running::new(server);
    let old = bus.caller::<before::Grow>().unwrap();
    assert_eq!(old.call(&before::Item { id: 3 }, SECONDS).unwrap().id, 3);
    let new = bus.caller::<after::Grow>().unwrap();
    let item = after::Item { id: 4, more: 8.into() };
    assert_eq!(new.call(&item, SECONDS).unwrap().more.get(), Some(9));
    drop((running, old, new));

    let mut server = bus.server().unwrap();
    server.on::<before::Grow>(|item, _| Ok(*item)).unwrap();
    let _running = Running::new(server);
    let reply = bus.caller::<after::Grow>().unwrap().call(&item, SECONDS).unwrap();
    assert_eq!((reply.id, reply.more.get()), (4, None));
}

#[test]
fn answers_that_come_later() {
    let bus = TestBus::new();
    let mut server = bus.server().unwrap();
    let (to_thread, deferred) = channel();
    server.on_deferred::<Number>(move |number, to| to_thread.send((*number, to)).unwrap()).unwrap();
    let _running = Running::new(server);
    let thread = std::thread::spawn(move || {
        for (number, to) in deferred.iter().take(3) {
            match number {
                0 => drop(to),
                1 => to.reject(Reject::new(7, "later")).unwrap(),
                _ => to.reply(&(number * 2)).unwrap(),
            }
        }
    });
    let caller = bus.caller::<Number>().unwrap();
    let start = |number| caller.start(&number, SECONDS).unwrap();
    let (dropped, rejected, answered) = (start(0), start(1), start(2));
    assert_eq!(dropped.wait().unwrap_err().kind(), ErrorKind::Abandoned);
    assert_eq!(rejected.wait().unwrap_err().code(), 7);
    assert_eq!(answered.wait().unwrap(), 4);
    thread.join().unwrap();
}

#[test]
fn causes_lead_to_the_command_that_failed_first() {
    let bus = TestBus::new();
    let mut inner = bus.server().unwrap();
    inner.on::<Number>(|_, _| Err(Reject::new(5, "inner"))).unwrap();
    let _inner = Running::new(inner);
    let mut outer = bus.server().unwrap();
    let number = bus.caller::<Number>().unwrap();
    outer
        .on::<Sum>(move |_, _| match number.call(&1, SECONDS) {
            Ok(_) => Ok(0),
            Err(error) => Err(Reject::because(6, "outer", error, "number")),
        })
        .unwrap();
    let _outer = Running::new(outer);
    let error = bus.caller::<Sum>().unwrap().loan().unwrap().call(SECONDS).unwrap_err();
    assert_eq!(error.code(), 6);
    let causes: Vec<_> = error.causes().collect();
    assert_eq!((causes.len(), causes[0].kind, causes[0].code), (1, ErrorKind::Rejected, 5));
    assert_eq!(causes[0].command, "number");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "number: rejected (code 5)");
    assert!(source.source().is_none());
}
