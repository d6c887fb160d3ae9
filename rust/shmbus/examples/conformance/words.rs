//! DATA, TEXT and errors as words.
use shmbus::Error;
use std::io::Write;

pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|one| format!("{one:02x}")).collect()
}

fn from_hex(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// N bytes of which byte i is (i * 31 + 7) & 255.
pub fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i.wrapping_mul(31).wrapping_add(7) & 255) as u8).collect()
}

pub fn data(word: &str) -> Vec<u8> {
    match word {
        "-" => Vec::new(),
        _ if word.ends_with('*') => pattern(word[..word.len() - 1].parse().expect("a size")),
        _ => from_hex(&word[1..]),
    }
}

pub fn text(text: &str) -> String {
    match text {
        "" => "-".into(),
        _ => format!("x{}", hex(text.as_bytes())),
    }
}

pub fn answer(bytes: &[u8]) -> String {
    match bytes.len() {
        0 => "-".into(),
        1..=128 => format!("x{}", hex(bytes)),
        size => format!("{size}:{:08x}", Crc::default().with(bytes).value()),
    }
}

/// CRC-32 as zlib has it.
#[derive(Clone, Copy, Default)]
pub struct Crc(u32);

impl Crc {
    pub fn with(self, bytes: &[u8]) -> Crc {
        Crc(!bytes.iter().fold(!self.0, |mut crc, one| {
            crc ^= u32::from(*one);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            }
            crc
        }))
    }
    pub fn value(self) -> u32 {
        self.0
    }
}

pub fn error_line(error: &Error) -> String {
    let causes: Vec<_> = error
        .causes()
        .map(|one| format!("{}:{}:{}", one.kind, one.code, text(&one.command)))
        .collect();
    format!(
        "error {} code={} may_have_run={} needed={} text={} causes={}",
        error.kind(),
        error.code(),
        error.may_have_run() as u8,
        error.needed(),
        text(error.text()),
        if causes.is_empty() { "-".into() } else { causes.join(",") }
    )
}
