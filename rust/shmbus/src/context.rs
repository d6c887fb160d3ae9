//! A command while its handler runs, and answers.
use crate::error::{attempt, text_of, Error, Result};
use crate::value::{self, Value};
use shmbus_sys as sys;
use std::ffi::CString;
use std::marker::PhantomData;
use std::mem::{size_of, ManuallyDrop, MaybeUninit};
use std::os::raw::c_char;
use std::ptr::null;
use std::time::Duration;

/// Codes of rejections that this crate makes, as the library for C++ does.
pub(crate) const REQUEST_SIZE_DIFFERS: i32 = -2;
pub(crate) const REQUEST_VALUE_INVALID: i32 = -3;

/// Why a handler refuses a command: a code of its own and a text, of which 40 bytes go to the
/// caller. `?` makes one of any error, with code -1.
#[derive(Clone, Debug)]
pub struct Reject {
    code: i32,
    text: String,
    because: Option<(Error, String)>,
    /// Of a reply that failed: the caller has the error.
    answered: bool,
}

impl Reject {
    /// A refusal.
    pub fn new(code: i32, text: impl Into<String>) -> Reject {
        Reject { code, text: text.into(), because: None, answered: false }
    }
    /// Because a call to the command `name` failed: the caller finds it among the causes.
    pub fn because(code: i32, text: impl Into<String>, error: Error, name: &str) -> Reject {
        Reject { because: Some((error, name.to_owned())), ..Reject::new(code, text) }
    }
    /// `code, text, failed, name` for C.
    fn with_c<R>(
        &self,
        f: impl FnOnce(i32, *const c_char, *const sys::shmbus_error_t, *const c_char) -> R,
    ) -> R {
        let (text, error) = (clean(&self.text), self.because.as_ref().map(|one| one.0.raw()));
        let name = clean(self.because.as_ref().map_or("", |one| &one.1));
        f(self.code, text.as_ptr(), error.map_or(null(), |one| one as _), name.as_ptr())
    }
    pub(crate) fn answer(&self, command: *mut sys::shmbus_context_t) {
        if self.answered {
            return;
        }
        self.with_c(|code, text, error, name| unsafe {
            sys::shmbus_context_reject_because(command, code, text, error, name);
        });
    }
}

/// Up to the first 0.
fn clean(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

impl<E: std::error::Error + 'static> From<E> for Reject {
    fn from(error: E) -> Reject {
        let of_bus = (&error as &dyn std::any::Any).downcast_ref::<Error>();
        let answered = of_bus.map_or(false, Error::is_answer);
        Reject { answered, ..Reject::new(-1, error.to_string()) }
    }
}

/// A caller, as its process describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerInfo {
    /// In its own namespace.
    pub pid: u32,
    /// Of its user.
    pub uid: u32,
    /// Of its bus.
    pub label: String,
}

/// What a handler learns about a command. Valid while the handler runs.
pub struct Context<'h> {
    raw: *mut sys::shmbus_context_t,
    running: PhantomData<&'h mut ()>,
}

impl<'h> Context<'h> {
    /// The name of the command.
    pub fn name(&self) -> &str {
        let mut size = 0;
        let name = unsafe { sys::shmbus_context_name(self.raw, &mut size) };
        let bytes = unsafe { slice(name.cast(), size) };
        std::str::from_utf8(bytes).unwrap_or_default() // names are UTF-8
    }
    /// Nobody reads a reply.
    pub fn is_one_way(&self) -> bool {
        unsafe { sys::shmbus_context_one_way(self.raw) != 0 }
    }
    /// Time left before the deadline that the caller named, if it named one.
    pub fn remaining(&self) -> Option<Duration> {
        let ns = unsafe { sys::shmbus_context_remaining_ns(self.raw) };
        (ns != sys::SHMBUS_FOREVER).then(|| Duration::from_nanos(ns.max(0) as u64))
    }
    /// Nobody wants the answer any more. A few loads; ask as often as you like.
    pub fn is_cancelled(&self) -> bool {
        unsafe { sys::shmbus_context_cancelled(self.raw) != 0 }
    }
    /// The caller was killed, or has left.
    pub fn caller_gone(&self) -> bool {
        unsafe { sys::shmbus_context_caller_gone(self.raw) != 0 }
    }
    /// Of a call that is repeated after errors, from 1; 255 stands for more too.
    pub fn attempt(&self) -> u32 {
        unsafe { sys::shmbus_context_attempt(self.raw) }
    }
    /// How many commands of this caller wait behind this one, as the caller says.
    pub fn queued(&self) -> u32 {
        unsafe { sys::shmbus_context_queued(self.raw) }
    }
    /// The W3C traceparent of this handler's work, if it is in a trace.
    pub fn traceparent(&self) -> Option<String> {
        let mut text = [0; 56];
        let found = unsafe { sys::shmbus_context_traceparent(self.raw, text.as_mut_ptr()) };
        (found != 0).then(|| text_of(&text))
    }
    /// Who calls.
    pub fn caller(&self) -> CallerInfo {
        let mut info: sys::shmbus_caller_info_t = unsafe { MaybeUninit::zeroed().assume_init() };
        info.size = size_of::<sys::shmbus_caller_info_t>();
        unsafe { sys::shmbus_context_caller(self.raw, &mut info) };
        CallerInfo { pid: info.pid, uid: info.uid, label: text_of(&info.label) }
    }
    pub(crate) fn room(&self) -> usize {
        unsafe { sys::shmbus_context_reply_capacity(self.raw) }
    }
}

/// # Safety
/// Memory of that size, which may be null when it is empty, valid for 'a.
unsafe fn slice<'a>(data: *const u8, size: usize) -> &'a [u8] {
    match data.is_null() || size == 0 {
        true => &[],
        false => std::slice::from_raw_parts(data, size),
    }
}

/// A command as bytes. One that is neither answered, refused nor deferred is answered with no
/// bytes.
pub struct RawCommand<'h>(Context<'h>);

impl<'h> RawCommand<'h> {
    /// # Safety
    /// A command whose handler runs for 'h.
    pub(crate) unsafe fn new(raw: *mut sys::shmbus_context_t) -> RawCommand<'h> {
        RawCommand(Context { raw, running: PhantomData })
    }
    pub(crate) fn raw(&self) -> *mut sys::shmbus_context_t {
        self.0.raw
    }
    /// Refuses as one of the kinds that checks before a handler have: `NotPermitted`, `Overloaded`
    /// or `InvalidArgument`; any other becomes `Rejected`.
    pub fn refuse(&self, kind: crate::ErrorKind, code: i32, text: &str) {
        let text = clean(text);
        unsafe { sys::shmbus_context_refuse(self.0.raw, kind.number(), code, text.as_ptr()) };
    }
    /// Its bytes, where they lie: large ones in the segment, where a faulty caller can still write.
    /// Copy what you check.
    pub fn request(&self) -> &[u8] {
        let mut size = 0;
        let data = unsafe { sys::shmbus_context_request(self.0.raw, &mut size) };
        unsafe { slice(data.cast(), size) }
    }
    /// Bytes that the caller made room for.
    pub fn reply_room(&self) -> usize {
        self.0.room()
    }
    /// Answers with a copy of these bytes. `TooLarge`: the caller made less room, and gets that
    /// error too, also when the handler returns it by `?`.
    pub fn reply(&self, bytes: &[u8]) -> Result<()> {
        let done = attempt(|error| unsafe {
            let (from, size) = (bytes.as_ptr().cast(), bytes.len());
            sys::shmbus_context_reply(self.0.raw, from, size, error)
        });
        done.map_err(Error::into_answer)
    }
    /// Memory for a reply of `size` bytes, sent when the handler returns. None when the caller made
    /// less room: it gets `TooLarge`.
    pub fn reply_buffer(&mut self, size: usize) -> Option<&mut [u8]> {
        let at = unsafe { sys::shmbus_context_reply_buffer(self.0.raw, size) }.cast::<u8>();
        (!at.is_null()).then(|| unsafe {
            at.write_bytes(0, size);
            std::slice::from_raw_parts_mut(at, size)
        })
    }
    /// The handler may return, and the responder answers later, from any thread. None: no memory.
    pub fn defer(self) -> Option<RawResponder> {
        let raw = unsafe { sys::shmbus_context_defer(self.0.raw) };
        (!raw.is_null()).then_some(RawResponder(raw))
    }

    /// A private copy of the request.
    #[inline]
    pub(crate) fn read<T: Value>(&self) -> Result<T, Reject> {
        value::read(self.request(), "request").map_err(|error| refusal(&error))
    }
    #[inline]
    pub(crate) fn write<T: Value>(&mut self, reply: &T) {
        let (from, mut size) = value::bytes_of(reply);
        if size == 0 || self.0.is_one_way() {
            return;
        }
        if size > self.0.room() {
            // A caller that was built before the type grew gets the part that it knows.
            let fits = |one: &usize| *one <= self.0.room();
            size = value::earlier_sizes::<T>().into_iter().filter(fits).max().unwrap_or(size);
        }
        unsafe {
            let to = sys::shmbus_context_reply_buffer(self.0.raw, size).cast::<u8>();
            if !to.is_null() {
                std::ptr::copy_nonoverlapping(from, to, size);
            }
        }
    }
}

#[cold]
pub(crate) fn refusal(error: &Error) -> Reject {
    let code = match error.kind() {
        crate::ErrorKind::TypeMismatch => REQUEST_SIZE_DIFFERS,
        _ => REQUEST_VALUE_INVALID,
    };
    Reject::new(code, error.text())
}

impl<'h> std::ops::Deref for RawCommand<'h> {
    type Target = Context<'h>;
    fn deref(&self) -> &Context<'h> {
        &self.0
    }
}

/// Answers a command later, once, from any thread. Dropped unanswered, the caller gets `Abandoned`.
pub struct RawResponder(*mut sys::shmbus_responder_t);

// Any thread, one at a time: it is not Sync, and only `is_cancelled` takes it shared.
unsafe impl Send for RawResponder {}

impl RawResponder {
    pub(crate) fn raw(&self) -> *mut sys::shmbus_responder_t {
        self.0
    }
    fn take(self) -> *mut sys::shmbus_responder_t {
        ManuallyDrop::new(self).0
    }
    /// Answers. `TooLarge`: the caller made less room, and gets that error.
    pub fn reply(self, bytes: &[u8]) -> Result<()> {
        unsafe { self.reply_at(bytes.as_ptr(), bytes.len()) }
    }
    /// # Safety
    /// Memory of that size.
    unsafe fn reply_at(self, from: *const u8, size: usize) -> Result<()> {
        let taken = self.take();
        attempt(|error| sys::shmbus_responder_reply(taken, from.cast(), size, error))
    }
    /// Refuses.
    pub fn reject(self, why: impl Into<Reject>) -> Result<()> {
        let (taken, why) = (self.take(), why.into());
        why.with_c(|code, text, failed, name| {
            attempt(|error| unsafe {
                sys::shmbus_responder_reject_because(taken, code, text, failed, name, error)
            })
        })
    }
    /// Nobody wants the answer any more.
    pub fn is_cancelled(&self) -> bool {
        unsafe { sys::shmbus_responder_cancelled(self.0) != 0 }
    }
}

impl Drop for RawResponder {
    fn drop(&mut self) {
        unsafe { sys::shmbus_responder_drop(self.0) };
    }
}

/// Answers a command of a known type later: see `RawResponder`.
pub struct Responder<T: Value> {
    raw: RawResponder,
    of: PhantomData<fn(T)>,
}

impl<T: Value> Responder<T> {
    pub(crate) fn new(raw: RawResponder) -> Responder<T> {
        Responder { raw, of: PhantomData }
    }
    /// Answers.
    pub fn reply(self, reply: &T) -> Result<()> {
        let (from, size) = value::bytes_of(reply);
        unsafe { self.raw.reply_at(from, size) }
    }
    /// Refuses.
    pub fn reject(self, why: impl Into<Reject>) -> Result<()> {
        self.raw.reject(why)
    }
    /// Nobody wants the answer any more.
    pub fn is_cancelled(&self) -> bool {
        self.raw.is_cancelled()
    }
}

/// What a handler panicked with.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("no text"))
}
