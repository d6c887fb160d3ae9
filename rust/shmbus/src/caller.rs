//! Calls one command, by its types: a thin layer over `RawCaller`.
use crate::caller_options::CallerOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::future::Calling;
use crate::held::{RawLoan, RawPending, Unsent};
use crate::raw_caller::RawCaller;
use crate::schema::schema_text;
use crate::tail::{Finished, Received};
use crate::timeout::Timeout;
use crate::value::{self, bytes_of, Value};
use crate::{Bus, Command};
use std::marker::PhantomData;
use std::mem::{size_of, MaybeUninit};
use std::ops::{Deref, DerefMut};

const TAIL_ROOM: usize = 65536;

/// Calls the command `C`: `Send`, not `Sync`. Make one for each thread; `clone()` does.
///
///     # shmbus::command! { Greet = "greet": shmbus::Str<32> => shmbus::Str<64>; }
///     # fn main() -> shmbus::Result<()> {
///     # let bus = shmbus::Bus::open(&format!("doc-caller-{}", std::process::id()))?;
///     let greet = bus.caller::<Greet>()?;
///     let error = greet.call(&"Ada".try_into()?, std::time::Duration::from_secs(2)).unwrap_err();
///     assert_eq!(error.kind(), shmbus::ErrorKind::NotRegistered);
///     # std::fs::remove_file(bus.path()).unwrap();
///     # Ok(()) }
pub struct Caller<C: Command> {
    raw: RawCaller,
    of: PhantomData<fn(C)>,
}

impl<C: Command> Clone for Caller<C> {
    fn clone(&self) -> Self {
        Caller { raw: self.raw.clone(), of: PhantomData }
    }
}

/// A request that needs no message behind it.
struct Plain<C>(PhantomData<C>);

impl<C: Command> Plain<C> {
    /// Text and Seq lie behind their struct: such requests are sent by `call_message`.
    const REQUEST: () = assert!(!<C::Request as Value>::TAIL, "send this type by call_message()");
    /// Text and Seq are read with the message: such replies come from `call_message`.
    const REPLY: () = assert!(!<C::Reply as Value>::TAIL, "call this by call_message()");
    const BOTH: () = (Self::REQUEST, Self::REPLY).0;
}

impl<C: Command> Caller<C> {
    pub(crate) fn new(bus: &Bus, options: CallerOptions) -> Result<Caller<C>> {
        let raw = RawCaller::new(bus, C::NAME, Some(&schema_text::<C>()), options)?;
        Ok(Caller { raw, of: PhantomData })
    }

    /// Sends `request` and waits for the reply.
    #[inline]
    pub fn call(&self, request: &C::Request, timeout: impl Into<Timeout>) -> Result<C::Reply> {
        let () = Plain::<C>::BOTH;
        let (from, size) = bytes_of(request);
        let mut reply = MaybeUninit::<value::Room<C::Reply>>::uninit();
        let (to, room) = (reply.as_mut_ptr().cast::<u8>(), value::room_for::<C::Reply>());
        let got = unsafe { self.raw.call_at(from, size, to, room, timeout.into()) }?;
        if got == size_of::<C::Reply>() {
            let reply = unsafe { to.cast::<MaybeUninit<C::Reply>>().read() };
            return unsafe { value::checked(reply, "reply") }.map_err(Error::after_run);
        }
        let bytes = unsafe { std::slice::from_raw_parts(to, got.min(room)) };
        value::read(bytes, "reply").map_err(Error::after_run)
    }

    /// Calls with types that have `Text` or `Seq` in them; the reply may take 64 KiB.
    pub fn call_message(
        &self,
        request: &Finished<C::Request>,
        timeout: impl Into<Timeout>,
    ) -> Result<Received<C::Reply>> {
        let reply = self.raw.start(&request.bytes, TAIL_ROOM, timeout)?.wait()?;
        Received::new(&reply, "reply").map_err(Error::after_run)
    }

    /// Sends without waiting for the reply.
    pub fn start(
        &self,
        request: &C::Request,
        timeout: impl Into<Timeout>,
    ) -> Result<Pending<'_, C>> {
        let () = Plain::<C>::BOTH;
        let ((from, size), room) = (bytes_of(request), value::room_for::<C::Reply>());
        let raw = unsafe { self.raw.start_at(from, size, room, timeout.into()) }?;
        Ok(Pending { raw, of: PhantomData })
    }

    /// A call to be awaited, with any executor: it waits for nothing in this thread, not even for a
    /// handler or for room. Dropping the future cancels the command.
    pub fn call_async(&self, request: &C::Request, timeout: impl Into<Timeout>) -> Calling<'_, C> {
        let () = Plain::<C>::BOTH;
        Calling::new(self.raw(), *request, value::room_for::<C::Reply>(), timeout.into())
    }

    /// One-way: no reply. Returns the number that `Lost` would name.
    pub fn send(&self, request: &C::Request, timeout: impl Into<Timeout>) -> Result<u64> {
        let () = Plain::<C>::REQUEST;
        let (from, size) = bytes_of(request);
        unsafe { self.raw.send_at(from, size, false, timeout.into()) }
    }
    /// The same, but a sleeping handler is not woken before `raw().flush()`.
    pub fn send_later(&self, request: &C::Request, timeout: impl Into<Timeout>) -> Result<u64> {
        let () = Plain::<C>::REQUEST;
        let (from, size) = bytes_of(request);
        unsafe { self.raw.send_at(from, size, true, timeout.into()) }
    }

    /// A request in memory of the segment, with default values, to be filled in place.
    pub fn loan(&self) -> Result<Loan<'_, C>> {
        let () = Plain::<C>::BOTH;
        let mut raw = self.raw.loan(size_of::<C::Request>(), value::room_for::<C::Reply>())?;
        let at = raw.as_mut_ptr().cast::<C::Request>();
        if at as usize % std::mem::align_of::<C::Request>() != 0 {
            return Err(Error::new(ErrorKind::InvalidArgument, "types are aligned to at most 8"));
        }
        unsafe { C::Request::init(at) };
        Ok(Loan { raw, of: PhantomData })
    }

    /// The caller of bytes below: one-way commands that were lost, its descriptor.
    pub fn raw(&self) -> &RawCaller {
        &self.raw
    }
}

/// A call under way. Dropping it gives the reply up; the command still runs.
pub struct Pending<'c, C: Command> {
    raw: RawPending<'c>,
    of: PhantomData<fn(C)>,
}

impl<C: Command> Pending<'_, C> {
    /// `wait` would return at once. No system call.
    pub fn is_ready(&self) -> bool {
        self.raw.is_ready()
    }
    /// The same after waiting up to a timeout.
    pub fn wait_ready(&mut self, timeout: impl Into<Timeout>) -> bool {
        self.raw.wait_ready(timeout)
    }
    /// Waits until the call's own deadline.
    pub fn wait(self) -> Result<C::Reply> {
        let reply = self.raw.wait()?;
        value::read(&reply, "reply").map_err(Error::after_run)
    }
    /// Asks not to start the command, or to stop it; `wait` says which.
    pub fn cancel(&mut self) {
        self.raw.cancel();
    }
}

/// Memory in the segment for one request, filled in place: `&mut C::Request`. Sending takes it.
pub struct Loan<'c, C: Command> {
    raw: RawLoan<'c>,
    of: PhantomData<fn(C)>,
}

impl<'c, C: Command> Loan<'c, C> {
    /// Sends it and waits for the reply.
    pub fn call(self, timeout: impl Into<Timeout>) -> Result<C::Reply> {
        self.start(timeout)?.wait()
    }
    /// Sends it without waiting.
    pub fn start(self, timeout: impl Into<Timeout>) -> Result<Pending<'c, C>, Unsent<Self>> {
        match self.raw.start(timeout) {
            Ok(raw) => Ok(Pending { raw, of: PhantomData }),
            Err(unsent) => Err(Self::back(unsent)),
        }
    }
    /// One-way.
    pub fn send(self, timeout: impl Into<Timeout>) -> Result<(), Unsent<Self>> {
        self.raw.send(timeout).map_err(Self::back)
    }
    fn back(unsent: Unsent<RawLoan<'c>>) -> Unsent<Self> {
        Unsent { error: unsent.error, loan: Loan { raw: unsent.loan, of: PhantomData } }
    }
}

impl<C: Command> Deref for Loan<'_, C> {
    type Target = C::Request;
    fn deref(&self) -> &C::Request {
        unsafe { &*self.raw.as_ptr().cast() } // `loan` made a value there
    }
}

impl<C: Command> DerefMut for Loan<'_, C> {
    fn deref_mut(&mut self) -> &mut C::Request {
        unsafe { &mut *self.raw.as_mut_ptr().cast() }
    }
}
