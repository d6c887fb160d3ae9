//! Calls one name, by bytes. Handles of C belong to the thread that made them: a caller that has
//! moved makes a new one there, and the old one goes back to its thread.
use crate::bus::c_text;
use crate::caller_options::CallerOptions;
use crate::error::{attempt, Error, ErrorKind, Result};
use crate::handle::{this_thread, tidy_up, Handle};
use crate::held::{RawLoan, RawPending};
use crate::timeout::Timeout;
use crate::Bus;
use shmbus_sys as sys;
use std::cell::Cell;
use std::ffi::{c_void, CString};
use std::mem::MaybeUninit;
use std::os::unix::io::RawFd;
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A one-way command that was started and whose handler died, or that never ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// What `send` returned.
    pub sequence: u64,
    /// `HandlerDiedAfterStart`, or why it never ran.
    pub kind: ErrorKind,
}

/// Calls one name with bytes: `Send`, since it follows its owner to other threads, but not `Sync`.
/// Make one for each thread; clones are callers of their own.
pub struct RawCaller {
    bus: Bus,
    name: CString,
    schema: Option<CString>,
    pub(crate) options: CallerOptions,
    /// Of the thread that used it last; null before.
    handle: Cell<*mut sys::shmbus_caller_t>,
    thread: Cell<Option<u64>>,
    /// For futures: it waits for nothing.
    at_once: Option<Box<RawCaller>>,
    lost: Arc<Mutex<Vec<Lost>>>,
}

// Nothing of it is in use when it moves: loans, pending calls and replies borrow it.
unsafe impl Send for RawCaller {}

impl RawCaller {
    pub(crate) fn new(
        bus: &Bus,
        name: &str,
        schema: Option<&str>,
        options: CallerOptions,
    ) -> Result<RawCaller> {
        let at_once = options.clone().fail_when_full();
        let at_once = CallerOptions { waits_for_handler: false, ..at_once };
        let (name, schema) = (c_text(name)?, schema.map(c_text).transpose()?);
        let mut made = RawCaller::lazy(bus, name.clone(), schema.clone(), options);
        made.at_once = Some(Box::new(RawCaller::lazy(bus, name, schema, at_once)));
        made.renew()?; // type_mismatch now, not with the first call
        Ok(made)
    }

    fn lazy(
        bus: &Bus,
        name: CString,
        schema: Option<CString>,
        options: CallerOptions,
    ) -> RawCaller {
        RawCaller {
            bus: bus.clone(),
            name,
            schema,
            options,
            handle: Cell::new(null_mut()),
            thread: Cell::new(None),
            at_once: None,
            lost: Arc::default(),
        }
    }

    /// A handle for this thread, in place of the one that there is.
    #[cold]
    fn renew(&self) -> Result<()> {
        tidy_up();
        let given = &self.options;
        // Numbers and a pointer: 0 is the default of all.
        let mut options: sys::shmbus_caller_options_t =
            unsafe { MaybeUninit::zeroed().assume_init() };
        options.size = std::mem::size_of_val(&options);
        options.wait = given.wait;
        options.when_vacant = given.waits_for_handler as i32;
        options.when_full = given.fails_when_full as i32;
        options.on_caller_exit = given.on_caller_exit;
        options.inherit = given.inherit;
        options.in_group = given.in_group;
        options.schema = self.schema.as_ref().map_or(null(), |one| one.as_ptr());
        let mut made = null_mut();
        attempt(|error| unsafe {
            let (bus, name) = (self.bus.raw(), self.name.as_ptr());
            sys::shmbus_caller_new(bus, name, &options, &mut made, error)
        })?;
        self.give_back();
        self.handle.set(made);
        self.thread.set(Some(this_thread()));
        if given.reports_lost {
            let context = Arc::into_raw(self.lost.clone()) as *mut c_void;
            let (call, drop) = (Some(note_lost as _), Some(drop_lost as _));
            let lost = sys::shmbus_lost_t { context, call, drop };
            attempt(|error| unsafe { sys::shmbus_caller_on_lost(made, &lost, error) })?;
        }
        Ok(())
    }

    fn give_back(&self) {
        let handle = self.handle.replace(null_mut());
        if let Some(thread) = self.thread.take() {
            Handle { caller: handle, thread }.end();
        }
    }

    /// Does `f` with the handle; once more with a new one when this is another thread.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl Fn(*mut sys::shmbus_caller_t) -> Result<R>) -> Result<R> {
        match f(self.handle.get()) {
            Err(error) => self.again(error, f),
            done => done,
        }
    }

    #[cold]
    fn again<R>(
        &self,
        error: Error,
        f: impl Fn(*mut sys::shmbus_caller_t) -> Result<R>,
    ) -> Result<R> {
        let moved = error.kind() == ErrorKind::WrongThread || self.handle.get().is_null();
        if !moved || self.thread.get() == Some(this_thread()) {
            return Err(error);
        }
        self.renew()?;
        f(self.handle.get())
    }

    /// Sends `request`, waits, copies the reply into `reply`; returns its bytes. `TooLarge`: it
    /// needs more room, and has run.
    pub fn call(
        &self,
        request: &[u8],
        reply: &mut [u8],
        timeout: impl Into<Timeout>,
    ) -> Result<usize> {
        let to = reply.as_mut_ptr();
        unsafe { self.call_at(request.as_ptr(), request.len(), to, reply.len(), timeout.into()) }
    }

    /// # Safety
    /// Memory of these sizes.
    #[inline]
    pub(crate) unsafe fn call_at(
        &self,
        from: *const u8,
        size: usize,
        to: *mut u8,
        room: usize,
        timeout: Timeout,
    ) -> Result<usize> {
        self.with(|caller| {
            let mut got = 0;
            attempt(|error| {
                let (from, to, ns) = (from.cast(), to.cast(), timeout.ns());
                sys::shmbus_caller_call(caller, from, size, to, room, &mut got, ns, error)
            })?;
            Ok(got)
        })
    }

    /// Sends without waiting for the reply, for which there is room of `room` bytes.
    pub fn start(
        &self,
        request: &[u8],
        room: usize,
        timeout: impl Into<Timeout>,
    ) -> Result<RawPending<'_>> {
        unsafe { self.start_at(request.as_ptr(), request.len(), room, timeout.into()) }
    }

    /// # Safety
    /// Memory of that size.
    pub(crate) unsafe fn start_at(
        &self,
        from: *const u8,
        size: usize,
        room: usize,
        timeout: Timeout,
    ) -> Result<RawPending<'_>> {
        self.with(|caller| {
            let (mut pending, ns) = (null_mut(), timeout.ns());
            attempt(|error| {
                let from = from.cast();
                sys::shmbus_caller_start(caller, from, size, room, ns, &mut pending, error)
            })?;
            Ok(RawPending::new(pending))
        })
    }

    /// One-way: no reply. Returns the number that `Lost` would name.
    pub fn send(&self, request: &[u8], timeout: impl Into<Timeout>) -> Result<u64> {
        unsafe { self.send_at(request.as_ptr(), request.len(), false, timeout.into()) }
    }
    /// The same, but a sleeping handler is not woken before `flush`: many commands, one wake.
    pub fn send_later(&self, request: &[u8], timeout: impl Into<Timeout>) -> Result<u64> {
        unsafe { self.send_at(request.as_ptr(), request.len(), true, timeout.into()) }
    }

    /// # Safety
    /// Memory of that size.
    pub(crate) unsafe fn send_at(
        &self,
        from: *const u8,
        size: usize,
        later: bool,
        timeout: Timeout,
    ) -> Result<u64> {
        let send = if later { sys::shmbus_caller_send_later } else { sys::shmbus_caller_send };
        self.with(|caller| {
            let (mut number, ns) = (0, timeout.ns());
            attempt(|error| send(caller, from.cast(), size, ns, &mut number, error))?;
            Ok(number)
        })
    }

    /// Wakes the handler for all that was sent later.
    pub fn flush(&self) -> Result<()> {
        self.with(|caller| attempt(|error| unsafe { sys::shmbus_caller_flush(caller, error) }))
    }
    /// One-way commands that were found lost since the last time, with
    /// `CallerOptions::report_lost`. Sending and flushing finds them.
    pub fn take_lost(&self) -> Vec<Lost> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Memory of the segment for a request of `size` bytes, and room for a reply. Its bytes are
    /// those that were there before.
    pub fn loan(&self, size: usize, room: usize) -> Result<RawLoan<'_>> {
        self.with(|caller| {
            let (mut loan, mut data) = (null_mut(), null_mut());
            attempt(|error| unsafe {
                sys::shmbus_caller_loan(caller, size, room, &mut loan, &mut data, error)
            })?;
            Ok(unsafe { RawLoan::new(loan, data.cast(), size) })
        })
    }

    /// For event loops: readable when a reply may have arrived for a call that `start` began;
    /// level-triggered until `poll`. It stays the library's. `NotRegistered`: ask again later.
    pub fn fd(&self) -> Result<RawFd> {
        self.with(|caller| {
            let mut fd = -1;
            attempt(|error| unsafe { sys::shmbus_caller_fd(caller, &mut fd, error) })?;
            Ok(fd)
        })
    }
    /// Clears the descriptor, and looks whether the handler lives. Never blocks.
    pub fn poll(&self) -> Result<()> {
        self.with(|caller| attempt(|error| unsafe { sys::shmbus_caller_poll(caller, error) }))
    }
    /// When to poll although nothing became readable; none while no call is under way.
    pub fn next_poll(&self) -> Option<Duration> {
        if self.thread.get() != Some(this_thread()) {
            return None; // it has no calls here
        }
        let ns = unsafe { sys::shmbus_caller_next_poll_ns(self.handle.get()) };
        (ns != sys::SHMBUS_FOREVER).then(|| Duration::from_nanos(ns.max(0) as u64))
    }

    /// What futures start calls with.
    pub(crate) fn at_once(&self) -> &RawCaller {
        self.at_once.as_deref().unwrap_or(self)
    }
    /// Of the command.
    pub fn name(&self) -> &str {
        self.name.to_str().unwrap_or_default()
    }
}

impl Clone for RawCaller {
    /// Another caller of the same name, for any thread.
    fn clone(&self) -> RawCaller {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        let mut made = RawCaller::lazy(&self.bus, name, schema, self.options.clone());
        made.at_once = self.at_once.clone();
        made
    }
}

impl Drop for RawCaller {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl std::fmt::Debug for RawCaller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RawCaller").field(&self.name()).finish()
    }
}

unsafe extern "C" fn note_lost(context: *mut c_void, sequence: u64, kind: i32) {
    let list = &*(context as *const Mutex<Vec<Lost>>);
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    list.push(Lost { sequence, kind: ErrorKind::from_number(kind) });
}

unsafe extern "C" fn drop_lost(context: *mut c_void) {
    drop(Arc::from_raw(context as *const Mutex<Vec<Lost>>));
}
