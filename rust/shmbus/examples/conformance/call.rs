//! The caller's side: a command a line.
use crate::words::{answer, data, error_line, pattern, say, text, Crc};
use shmbus::{
    Bus, CallerOptions, Error, OnCallerExit, OpenOptions, PublisherOptions, RawCaller, RawPending,
    RawPublisher, RawSubscriber, Records, Result, StreamOptions, SubscriberOptions,
};
use std::collections::{HashMap, VecDeque};
use std::io::BufRead;
use std::time::Duration;

/// The words of a command, and what stands behind them as key=value.
struct Line<'l> {
    words: Vec<&'l str>,
    given: HashMap<&'l str, &'l str>,
}

impl<'l> Line<'l> {
    fn new(line: &'l str) -> Line<'l> {
        let mut words = Vec::new();
        let mut given = HashMap::new();
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some((key, value)) => {
                    given.insert(key, value);
                }
                None => words.push(word),
            }
        }
        Line { words, given }
    }
    fn word(&self, at: usize) -> &'l str {
        self.words.get(at).copied().unwrap_or("-")
    }
    fn number(&self, key: &str) -> Option<usize> {
        self.given.get(key).and_then(|one| one.parse().ok())
    }
    fn size(&self, at: usize) -> usize {
        self.word(at).parse().unwrap_or(0)
    }
    fn is(&self, key: &str, value: &str) -> bool {
        self.given.get(key) == Some(&value)
    }
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.number("timeout").unwrap_or(5000) as u64)
    }
    fn room(&self) -> usize {
        self.number("room").unwrap_or(65536)
    }
    fn options(&self) -> CallerOptions {
        let mut options = CallerOptions::new();
        if self.is("vacant", "wait") {
            options = options.wait_for_handler();
        }
        if self.is("full", "fail") {
            options = options.fail_when_full();
        }
        if self.is("goes", "cancel") {
            options = options.on_caller_exit(OnCallerExit::Cancel);
        }
        options
    }
    fn schema(&self) -> Option<&'l str> {
        self.given.get("schema").copied()
    }
}

struct Session {
    bus: Bus,
    /// Callers live as long as their pending calls: until the end of the program.
    callers: HashMap<String, &'static RawCaller>,
    pending: VecDeque<RawPending<'static>>,
    publishers: HashMap<String, RawPublisher>,
    subscribers: HashMap<String, RawSubscriber>,
}

pub fn run(path: &str) -> Result<()> {
    let bus = Bus::open(path)?;
    let (callers, pending) = (HashMap::new(), VecDeque::new());
    let (publishers, subscribers) = (HashMap::new(), HashMap::new());
    let mut session = Session { bus, callers, pending, publishers, subscribers };
    say("ready");
    for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
        match session.carry_out(&Line::new(&line)) {
            Ok(result) if result.is_empty() => say("ok"),
            Ok(result) => say(&format!("ok {result}")),
            Err(line) => say(&line),
        }
    }
    Ok(())
}

fn failed(error: impl Into<Error>) -> String {
    error_line(&error.into())
}

impl Session {
    fn caller(&mut self, line: &Line<'_>) -> Result<&'static RawCaller> {
        let key = ["schema", "vacant", "full", "goes"]
            .map(|one| line.given.get(one).copied().unwrap_or_default());
        let key = format!("{} {}", line.word(1), key.join(" "));
        if let Some(found) = self.callers.get(&key) {
            return Ok(found);
        }
        let made = self.bus.raw_caller(line.word(1), line.schema(), line.options())?;
        let made: &'static RawCaller = Box::leak(Box::new(made));
        self.callers.insert(key, made);
        Ok(made)
    }

    fn carry_out(&mut self, line: &Line<'_>) -> Result<String, String> {
        let done = match line.word(0) {
            "fill" => return self.fill(line),
            "read" => return self.read(line),
            "call" | "loan" | "send" | "start" => self.send(line),
            "cancel" => {
                self.pending.front_mut().into_iter().for_each(RawPending::cancel);
                Ok(String::new())
            }
            "wait" => match self.pending.pop_front() {
                Some(pending) => pending.wait().map(|reply| answer(&reply)),
                None => return Err("error no call is pending".into()),
            },
            "write" | "talk" => self.stream(line),
            "publish" | "subscribe" | "next" | "missed" => self.event(line),
            _ => self.name(line),
        };
        done.map_err(failed)
    }

    fn send(&mut self, line: &Line<'_>) -> Result<String> {
        let (caller, bytes) = (self.caller(line)?, data(line.word(2)));
        let (room, timeout) = (line.room(), line.timeout());
        match line.word(0) {
            "loan" => {
                let mut loan = caller.loan(bytes.len(), room)?;
                loan.copy_from_slice(&bytes);
                return Ok(answer(&loan.call(timeout)?));
            }
            "send" => {
                caller.send(&bytes, timeout)?;
            }
            "start" => self.pending.push_back(caller.start(&bytes, room, timeout)?),
            _ => {
                let mut reply = vec![0; room];
                let size = caller.call(&bytes, &mut reply, timeout)?;
                return Ok(answer(&reply[..size]));
            }
        }
        Ok(String::new())
    }

    fn name(&mut self, line: &Line<'_>) -> Result<String> {
        let name = line.word(1);
        match line.word(0) {
            "available" => self.bus.wait_until_available(name, line.timeout())?,
            "schema" => return Ok(text(&self.bus.schema(name)?)),
            "register" => {
                let mut server = self.bus.server()?;
                server.on_raw(name, line.schema(), |_| Ok(()))?;
            }
            "open" => drop(OpenOptions::new().create(false).open(name)?),
            "caller" => drop(self.bus.raw_caller(name, line.schema(), line.options())?),
            other => eprintln!("unknown command {other:?}"),
        }
        Ok(String::new())
    }

    fn fill(&mut self, line: &Line<'_>) -> Result<String, String> {
        let bytes = pattern(line.size(2));
        let options = line.options().fail_when_full();
        let caller = self.bus.raw_caller(line.word(1), line.schema(), options).map_err(failed)?;
        let mut calls = Vec::new();
        let error = loop {
            match caller.start(&bytes, line.room(), line.timeout()) {
                Ok(call) => calls.push(call),
                Err(error) => break error,
            }
        };
        calls.iter_mut().for_each(RawPending::cancel);
        Ok(format!("{} {}", calls.len(), error_line(&error)))
    }

    fn stream_options(line: &Line<'_>, records: Records) -> StreamOptions {
        let options = StreamOptions::new(records).timeout(line.timeout());
        options.reply_room(line.room()).window(line.number("window").unwrap_or(0))
    }

    fn read(&mut self, line: &Line<'_>) -> Result<String, String> {
        let caller = self.caller(line).map_err(failed)?;
        let options = Session::stream_options(line, Records::FromHandler).reply_room(0);
        let mut stream = caller.open(&data(line.word(2)), options).map_err(failed)?;
        let (mut count, mut bytes, mut crc) = (0, 0, Crc::default());
        let with_count = |error: Error, count| format!("{} records={count}", error_line(&error));
        loop {
            match stream.next(line.timeout()) {
                Ok(Some(record)) => {
                    (count, bytes, crc) = (count + 1, bytes + record.len(), crc.with(record));
                }
                Ok(None) => break,
                Err(error) => return Err(with_count(error, count)),
            }
            if Some(count) == line.number("stop") {
                stream.cancel();
                break;
            }
        }
        stream.end().map_err(|error| with_count(error, count))?;
        Ok(format!("{count} {bytes} {:08x}", crc.value()))
    }

    fn stream(&mut self, line: &Line<'_>) -> Result<String> {
        let (caller, timeout) = (self.caller(line)?, line.timeout());
        let (count, record) = (line.size(2), pattern(line.size(3)));
        if line.word(0) == "write" {
            let options = Session::stream_options(line, Records::ToHandler);
            let mut stream = caller.open(&[], options)?;
            for _ in 0..count {
                if !stream.put(&record, timeout)? {
                    break; // the end says why
                }
            }
            stream.close()?;
            return Ok(answer(&stream.finish()?));
        }
        let options = Session::stream_options(line, Records::Both);
        let mut stream = caller.open(&[], options)?;
        let (mut got, mut bytes, mut crc) = (0, 0, Crc::default());
        for _ in 0..count {
            if !stream.put(&record, timeout)? {
                break;
            }
            match stream.next(timeout)? {
                Some(back) => (got, bytes, crc) = (got + 1, bytes + back.len(), crc.with(back)),
                None => break,
            }
        }
        stream.close()?;
        stream.end()?;
        Ok(format!("{got} {bytes} {:08x}", crc.value()))
    }

    fn event(&mut self, line: &Line<'_>) -> Result<String> {
        let name = line.word(1);
        match line.word(0) {
            "publish" => {
                if !self.publishers.contains_key(name) {
                    let number = |key| line.number(key).unwrap_or(0) as u32;
                    let options = PublisherOptions::new().keep(number("keep"));
                    let options = options.event_bytes(number("bytes"));
                    let made = self.bus.raw_publisher(name, line.schema(), options)?;
                    self.publishers.insert(name.into(), made);
                }
                let publisher = self.publishers.get_mut(name).expect("it was made");
                Ok(publisher.publish(&data(line.word(2)), line.timeout())?.to_string())
            }
            "subscribe" => {
                let mut options = SubscriberOptions::new();
                if line.is("from", "latest") {
                    options = options.from_latest();
                }
                if line.is("from", "oldest") {
                    options = options.from_oldest();
                }
                if line.is("slow", "hold") {
                    options = options.hold();
                }
                let made = self.bus.raw_subscriber(name, line.schema(), options)?;
                self.subscribers.insert(name.into(), made);
                Ok(String::new())
            }
            word => match self.subscribers.get_mut(name) {
                Some(input) if word == "missed" => Ok(input.missed().to_string()),
                Some(input) => {
                    let event = input.next(line.timeout())?;
                    Ok(format!("{} {}", event.sequence(), answer(&event)))
                }
                None => Ok("is not subscribed".into()),
            },
        }
    }
}
