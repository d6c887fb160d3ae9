//! The handler's side.
use crate::words::{pattern, say};
use shmbus::{
    Bus, CallerOptions, ErrorKind, IfUnresponsive, RawCommand, Reject, Result, ServeOptions,
    Server, Sharing, Timeout,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

pub fn run(path: &str, how: &str) -> Result<()> {
    let bus = Bus::open(path)?;
    let options = match how {
        "take-over" => ServeOptions::new().stand_by(),
        _ => ServeOptions::new(),
    };
    let mut server = bus.server_with(options)?;
    server.sharing(if how == "join" { Sharing::Group } else { Sharing::Exclusive });
    answers(&mut server)?;
    refusals(&mut server, &bus)?;
    contexts(&mut server, &bus)?;
    counts(&mut server)?;
    streams(&mut server)?;
    server.stop_on_signals()?;
    if how == "take-over" {
        server.take_over(Duration::from_secs(5), IfUnresponsive::Fail)?;
    }
    say("ready");
    server.run()?;
    if server.is_replaced() {
        say("replaced");
    }
    Ok(())
}

fn answers(server: &mut Server) -> Result<()> {
    for name in ["echo", "größe.エコー"] {
        server.on_raw(name, None, |command| Ok(command.reply(command.request())?))?;
    }
    server.on_raw("later", None, |command| {
        let bytes = command.request().to_vec();
        let responder = command.defer().ok_or_else(|| Reject::new(-1, "out of memory"))?;
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            let _ = responder.reply(&bytes);
        });
        Ok(())
    })?;
    server.on_raw("drop", None, |command| {
        drop(command.defer());
        Ok(())
    })?;
    server.on_raw("point", Some("{x:i32@0,y:i32@4}8/4->i32"), |command| {
        let (x, y) = (number(command.request(), 0)?, number(command.request(), 4)?);
        Ok(command.reply(&x.wrapping_add(y).to_le_bytes())?)
    })?;
    server.on_raw("grown", Some("{a:u32@0,b:opt<u32>@8}16/8->u32"), |command| {
        let request = command.request();
        let mut sum = number(request, 0)?;
        if request.len() >= 16 && request[12] == 1 {
            sum = sum.wrapping_add(number(request, 8)?);
        }
        Ok(command.reply(&sum.to_le_bytes())?)
    })
}

fn number(bytes: &[u8], at: usize) -> Result<i32, Reject> {
    let found = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    found.map(i32::from_le_bytes).ok_or_else(|| Reject::new(-2, "too short"))
}

fn refusals(server: &mut Server, bus: &Bus) -> Result<()> {
    server.on_raw("refuse", None, |_| Err(Reject::new(42, "nein: größer")))?;
    server.on_raw("forbid", None, |command| {
        command.refuse(ErrorKind::NotPermitted, 7, "not you");
        Ok(())
    })?;
    let bus = bus.clone();
    server.on_raw("because", None, move |_| {
        let caller = bus.raw_caller("absent", None, CallerOptions::new())?;
        match caller.call(&[], &mut [], Timeout::DEFAULT) {
            Ok(_) => Ok(()),
            Err(error) => Err(Reject::because(5, "below", error, "absent")),
        }
    })
}

fn contexts(server: &mut Server, bus: &Bus) -> Result<()> {
    server.on_raw("stay", None, stay)?;
    server.on_raw("remaining", None, |command| {
        let left = command.remaining().map(|left| left.as_millis().to_string());
        Ok(command.reply(left.as_deref().unwrap_or("none").as_bytes())?)
    })?;
    server.on_raw("who", None, |command| {
        Ok(command.reply(command.caller().pid.to_string().as_bytes())?)
    })?;
    let bus = bus.clone();
    server.on_raw("nested", None, move |_| {
        let waits = CallerOptions::new().wait_for_handler();
        let caller = bus.raw_caller("stay.never", None, waits)?;
        let kind = caller.call(&[], &mut [], Timeout::DEFAULT).err().map(|error| error.kind());
        Err(Reject::new(6, kind.map_or("ok".into(), |kind| kind.to_string())))
    })
}

fn stay(command: RawCommand<'_>) -> Result<(), Reject> {
    say("started stay");
    loop {
        if command.caller_gone() {
            say("gone stay");
            return Ok(());
        }
        if command.is_cancelled() {
            say("cancelled stay");
            return Err(Reject::new(9, "stopped"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn counts(server: &mut Server) -> Result<()> {
    let count = Arc::new(AtomicU64::new(0));
    let tally = count.clone();
    server.on_raw("tally", None, move |_| {
        tally.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })?;
    server.on_raw("total", None, move |command| {
        Ok(command.reply(count.load(Ordering::Relaxed).to_string().as_bytes())?)
    })
}

fn stopped(name: &str, kind: ErrorKind) -> Reject {
    say(&format!("stopped {name} {kind}"));
    Reject::new(8, "stopped")
}

fn streams(server: &mut Server) -> Result<()> {
    server.on_raw("out", None, |command| {
        let request = String::from_utf8_lossy(command.request()).into_owned();
        let words: Vec<usize> = request.split(' ').filter_map(|one| one.parse().ok()).collect();
        let (count, record) = match words[..] {
            [count, size] => (count, pattern(size)),
            _ => return Err(Reject::new(1, "COUNT SIZE")),
        };
        let mut writer = command.writer()?;
        for _ in 0..count {
            let put = writer.put(&record, Timeout::DEFAULT);
            put.map_err(|error| stopped("out", error.kind()))?;
        }
        Ok(())
    })?;
    server.on_raw("in", None, |command| {
        let mut reader = command.reader()?;
        let (mut count, mut bytes) = (0, 0);
        let next = |error: shmbus::Error| stopped("in", error.kind());
        while let Some(record) = reader.next(Timeout::DEFAULT).map_err(next)? {
            count += 1;
            bytes += record.len();
        }
        Ok(command.reply(format!("{count} {bytes}").as_bytes())?)
    })?;
    server.on_raw("both", None, |command| {
        let (mut reader, mut writer) = (command.reader()?, command.writer()?);
        while let Some(record) = reader.next(Timeout::DEFAULT)? {
            writer.put(record, Timeout::DEFAULT)?;
        }
        Ok(())
    })
}
