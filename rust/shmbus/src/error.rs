//! What became of an operation: kind, code, causes.
use shmbus_sys as sys;
use std::ffi::CStr;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::raw::{c_char, c_int};
use std::ptr::addr_of_mut;
use std::time::Duration;

/// `Result` of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident = $number:ident),* $(,)?) => {
        /// Kinds of errors; `docs/errors.md` says what to do about each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$meta])* $name,)*
            /// Of a later release of the library.
            Unknown,
        }
        impl ErrorKind {
            /// Of the number that every language has for it.
            pub fn from_number(number: i32) -> ErrorKind {
                match number {
                    $(sys::$number => ErrorKind::$name,)*
                    _ => ErrorKind::Unknown,
                }
            }
            /// The number that every language has for it; 0 of `Unknown`.
            pub fn number(self) -> i32 {
                match self {
                    $(ErrorKind::$name => sys::$number,)*
                    ErrorKind::Unknown => 0,
                }
            }
        }
    };
}

kinds! {
    /// No live handler has this name; it did not start.
    NotRegistered = SHMBUS_NOT_REGISTERED,
    /// The handler ran and refused; `code` is its own.
    Rejected = SHMBUS_REJECTED,
    /// No answer before the deadline; see `may_have_run`.
    TimedOut = SHMBUS_TIMED_OUT,
    /// Before it started.
    Cancelled = SHMBUS_CANCELLED,
    /// It was not run.
    HandlerDiedBeforeStart = SHMBUS_HANDLER_DIED_BEFORE_START,
    /// It was started once, its outcome is unknown.
    HandlerDiedAfterStart = SHMBUS_HANDLER_DIED_AFTER_START,
    /// No room for it: it was not run.
    Overloaded = SHMBUS_OVERLOADED,
    /// Both sides disagree about the types of this name.
    TypeMismatch = SHMBUS_TYPE_MISMATCH,
    /// `needed` says what it would take.
    TooLarge = SHMBUS_TOO_LARGE,
    /// Policies or file permissions forbid it.
    NotPermitted = SHMBUS_NOT_PERMITTED,
    /// The segment cannot be opened or used.
    BusUnusable = SHMBUS_BUS_UNUSABLE,
    /// Another has the name.
    AlreadyRegistered = SHMBUS_ALREADY_REGISTERED,
    /// Of this program.
    InvalidArgument = SHMBUS_INVALID_ARGUMENT,
    /// Never seen by safe code: callers move between threads by themselves.
    WrongThread = SHMBUS_WRONG_THREAD,
    /// Open the bus again in the child.
    Forked = SHMBUS_FORKED,
    /// A peer wrote what no correct peer writes.
    Corrupted = SHMBUS_CORRUPTED,
    /// The handler dropped the command without answering.
    Abandoned = SHMBUS_ABANDONED,
    /// A capacity of the bus is used up.
    LimitReached = SHMBUS_LIMIT_REACHED,
    /// A stream has no more records.
    StreamEnded = SHMBUS_STREAM_ENDED,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Valid until the process ends.
        let name = unsafe { CStr::from_ptr(sys::shmbus_kind_name(self.number())) };
        match self {
            ErrorKind::Unknown => f.write_str("unknown"),
            _ => f.write_str(&name.to_string_lossy()),
        }
    }
}

/// A command that failed below the one that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Why it failed.
    pub kind: ErrorKind,
    /// Of the handler that rejected, else errno or 0.
    pub code: i32,
    /// Its name, or the beginning of it.
    pub command: String,
    /// Causes between the one before and this one were left out.
    pub after_gap: bool,
    next: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.command.escape_debug(), self.kind)?;
        match self.code {
            0 => Ok(()),
            code => write!(f, " (code {code})"),
        }
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    text: String,
    cause: Option<Box<Cause>>,
    raw: sys::shmbus_error_t,
    /// The caller of the command that runs has it as its answer.
    answered: bool,
}

/// An error of the bus. `source()` leads to the causes, the nearest first.
#[derive(Clone)]
pub struct Error(Box<Inner>);

impl Error {
    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// The handler's own when it rejected, else errno or 0.
    pub fn code(&self) -> i32 {
        self.0.raw.code
    }
    /// False: it was not started and will not be; sending it again is safe.
    pub fn may_have_run(&self) -> bool {
        self.0.raw.may_have_run != 0
    }
    /// Bytes, of `TooLarge`.
    pub fn needed(&self) -> u64 {
        self.0.raw.needed
    }
    /// Of `Overloaded`: sooner is of no use. Zero: not known.
    pub fn retry_after(&self) -> Duration {
        Duration::from_nanos(self.0.raw.retry_after_ns)
    }
    /// What happened and what to do. May hold what a peer wrote: `Display` escapes it.
    pub fn text(&self) -> &str {
        &self.0.text
    }
    /// Commands that failed below this one, the nearest first.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        std::iter::successors(self.0.cause.as_deref(), |one| one.next.as_deref())
    }
    /// As a handler hands it on: `Reject::because`.
    pub(crate) fn raw(&self) -> &sys::shmbus_error_t {
        &self.0.raw
    }

    #[cold]
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Error {
        let mut raw = zeroed_error();
        raw.kind = kind.number();
        Error(Box::new(Inner { kind, text: text.into(), cause: None, raw, answered: false }))
    }
    #[cold]
    pub(crate) fn too_large(needed: usize, text: impl Into<String>) -> Error {
        let mut made = Error::new(ErrorKind::TooLarge, text);
        made.0.raw.needed = needed as u64;
        made
    }
    /// For an error that the caller of the command that runs has already.
    pub(crate) fn into_answer(mut self) -> Error {
        self.0.answered = true;
        self
    }
    pub(crate) fn is_answer(&self) -> bool {
        self.0.answered
    }
    /// For an error found after the command has run.
    pub(crate) fn after_run(mut self) -> Error {
        self.0.raw.may_have_run = 1;
        self
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn of_c(raw: &sys::shmbus_error_t) -> Error {
        let count = (raw.cause_count.max(0) as usize).min(raw.causes.len());
        let cause = raw.causes[..count].iter().rev().fold(None, |next, one| {
            Some(Box::new(Cause {
                kind: ErrorKind::from_number(one.kind),
                code: one.code,
                command: text_of(&one.command),
                after_gap: one.after_gap != 0,
                next,
            }))
        });
        let kind = ErrorKind::from_number(raw.kind);
        Error(Box::new(Inner { kind, text: text_of(&raw.text), cause, raw: *raw, answered: false }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.text.escape_debug())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("code", &self.code())
            .field("may_have_run", &self.may_have_run())
            .field("text", &self.text())
            .field("causes", &self.causes().map(|one| one.to_string()).collect::<Vec<_>>())
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

/// Up to the 0 that ends it, or all of it.
pub(crate) fn text_of(chars: &[c_char]) -> String {
    let end = chars.iter().position(|one| *one == 0).unwrap_or(chars.len());
    let bytes: Vec<u8> = chars[..end].iter().map(|one| *one as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn zeroed_error() -> sys::shmbus_error_t {
    // Numbers and arrays of them.
    let mut error: sys::shmbus_error_t = unsafe { MaybeUninit::zeroed().assume_init() };
    error.size = std::mem::size_of::<sys::shmbus_error_t>();
    error
}

/// Calls a function of C that returns a kind and fills an error. The 400 bytes of the error are
/// written only when there is one.
#[inline]
pub(crate) fn attempt(function: impl FnOnce(*mut sys::shmbus_error_t) -> c_int) -> Result<()> {
    let mut error = MaybeUninit::<sys::shmbus_error_t>::uninit();
    unsafe { addr_of_mut!((*error.as_mut_ptr()).size).write(std::mem::size_of_val(&error)) };
    if function(error.as_mut_ptr()) == sys::SHMBUS_OK {
        return Ok(());
    }
    // An error fills all of it.
    Err(Error::of_c(unsafe { error.assume_init_ref() }))
}
