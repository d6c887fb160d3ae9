//! What a caller hands out: loans, calls under way, replies. They borrow the caller, so it neither
//! moves to another thread nor ends while they live.
use crate::error::{attempt, Error, Result};
use crate::timeout::Timeout;
use crate::RawCaller;
use shmbus_sys as sys;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::null_mut;

/// Memory in the segment for one request, filled in place: `&mut [u8]`. Sending takes it.
pub struct RawLoan<'c> {
    handle: *mut sys::shmbus_loan_t,
    data: *mut u8,
    size: usize,
    caller: PhantomData<&'c RawCaller>,
}

/// A loan that was not sent, and why. Becomes an `Error` by `?`.
pub struct Unsent<L> {
    /// Why.
    pub error: Error,
    /// It may be sent again.
    pub loan: L,
}

impl<L> From<Unsent<L>> for Error {
    fn from(unsent: Unsent<L>) -> Error {
        unsent.error
    }
}

impl<L> fmt::Debug for Unsent<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl<'c> RawLoan<'c> {
    /// # Safety
    /// A loan of a caller that lives for 'c, and its memory.
    pub(crate) unsafe fn new(handle: *mut sys::shmbus_loan_t, data: *mut u8, size: usize) -> Self {
        // An empty one may have no memory; a slice needs an address all the same.
        let data = if data.is_null() { std::ptr::NonNull::dangling().as_ptr() } else { data };
        RawLoan { handle, data, size, caller: PhantomData }
    }
    /// Only the first `size` bytes will be sent.
    pub fn shrink(&mut self, size: usize) {
        unsafe { sys::shmbus_loan_shrink(self.handle, size) };
        self.size = self.size.min(size);
    }
    /// Sends it and waits for the reply.
    pub fn call(self, timeout: impl Into<Timeout>) -> Result<RawReply<'c>, Unsent<Self>> {
        let (ns, mut reply) = (timeout.into().ns(), null_mut());
        self.sent(|loan, error| unsafe { sys::shmbus_loan_call(loan, ns, &mut reply, error) })?;
        Ok(RawReply::new(reply))
    }
    /// Sends it without waiting.
    pub fn start(self, timeout: impl Into<Timeout>) -> Result<RawPending<'c>, Unsent<Self>> {
        let (ns, mut pending) = (timeout.into().ns(), null_mut());
        self.sent(|loan, error| unsafe { sys::shmbus_loan_start(loan, ns, &mut pending, error) })?;
        Ok(RawPending::new(pending))
    }
    /// One-way.
    pub fn send(self, timeout: impl Into<Timeout>) -> Result<(), Unsent<Self>> {
        let ns = timeout.into().ns();
        self.sent(|loan, error| unsafe { sys::shmbus_loan_send(loan, ns, error) })
    }

    fn sent(
        self,
        send: impl FnOnce(*mut sys::shmbus_loan_t, *mut sys::shmbus_error_t) -> i32,
    ) -> Result<(), Unsent<Self>> {
        match attempt(|error| send(self.handle, error)) {
            Ok(()) => {
                let _taken = ManuallyDrop::new(self);
                Ok(())
            }
            Err(error) => Err(Unsent { error, loan: self }),
        }
    }
}

impl Deref for RawLoan<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

impl DerefMut for RawLoan<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        unsafe { std::slice::from_raw_parts_mut(self.data, self.size) }
    }
}

impl Drop for RawLoan<'_> {
    fn drop(&mut self) {
        unsafe { sys::shmbus_loan_drop(self.handle) };
    }
}

/// A call under way. Dropping it gives the reply up; the command still runs.
pub struct RawPending<'c> {
    handle: *mut sys::shmbus_pending_t,
    caller: PhantomData<&'c RawCaller>,
}

impl<'c> RawPending<'c> {
    pub(crate) fn new(handle: *mut sys::shmbus_pending_t) -> RawPending<'c> {
        RawPending { handle, caller: PhantomData }
    }
    /// `wait` would return at once. No system call.
    pub fn is_ready(&self) -> bool {
        unsafe { sys::shmbus_pending_ready(self.handle) != 0 }
    }
    /// The same after waiting up to a timeout.
    pub fn wait_ready(&mut self, timeout: impl Into<Timeout>) -> bool {
        unsafe { sys::shmbus_pending_wait_ready(self.handle, timeout.into().ns()) != 0 }
    }
    /// Waits until the call's own deadline.
    pub fn wait(self) -> Result<RawReply<'c>> {
        let (taken, mut reply) = (ManuallyDrop::new(self), null_mut());
        attempt(|error| unsafe { sys::shmbus_pending_wait(taken.handle, &mut reply, error) })?;
        Ok(RawReply::new(reply))
    }
    /// Asks not to start the command, or to stop it; `wait` says which.
    pub fn cancel(&mut self) {
        unsafe { sys::shmbus_pending_cancel(self.handle) };
    }
}

impl Drop for RawPending<'_> {
    fn drop(&mut self) {
        unsafe { sys::shmbus_pending_drop(self.handle) };
    }
}

/// The bytes of a reply, where they lie: `&[u8]`. In the segment a faulty handler can still write
/// to them: copy what you check.
pub struct RawReply<'c> {
    handle: *mut sys::shmbus_reply_t,
    caller: PhantomData<&'c RawCaller>,
}

impl<'c> RawReply<'c> {
    pub(crate) fn new(handle: *mut sys::shmbus_reply_t) -> RawReply<'c> {
        RawReply { handle, caller: PhantomData }
    }
}

impl Deref for RawReply<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        let mut size = 0;
        let data = unsafe { sys::shmbus_reply_data(self.handle, &mut size) };
        if size == 0 || data.is_null() {
            return &[];
        }
        unsafe { std::slice::from_raw_parts(data.cast(), size) }
    }
}

impl Drop for RawReply<'_> {
    fn drop(&mut self) {
        unsafe { sys::shmbus_reply_drop(self.handle) };
    }
}
