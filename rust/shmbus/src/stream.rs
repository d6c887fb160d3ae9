//! Streams: many records for one call, to the caller, from it, or both ways; as bytes.
use crate::context::{RawCommand, RawResponder};
use crate::error::{attempt, ErrorKind, Result};
use crate::held::RawReply;
use crate::timeout::Timeout;
use crate::RawCaller;
use shmbus_sys as sys;
use std::marker::PhantomData;
use std::mem::size_of;
use std::ptr::null_mut;

/// Which way records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// From the handler to the caller.
    FromHandler,
    /// From the caller to the handler.
    ToHandler,
    /// Both ways.
    Both,
}

/// How a stream runs.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    records: Records,
    window: usize,
    room: usize,
    timeout: i64,
    gap: i64,
}

impl StreamOptions {
    /// With a window of 65,280 bytes and no limit of time.
    pub fn new(records: Records) -> StreamOptions {
        StreamOptions { records, window: 0, room: 0, timeout: 0, gap: 0 }
    }
    /// Bytes under way in one direction, with 8 of each record's own.
    pub fn window(mut self, bytes: usize) -> StreamOptions {
        self.window = bytes;
        self
    }
    /// Room for the reply to records of the caller.
    pub fn reply_room(mut self, bytes: usize) -> StreamOptions {
        self.room = bytes;
        self
    }
    /// Of the whole stream.
    pub fn timeout(mut self, timeout: std::time::Duration) -> StreamOptions {
        self.timeout = Timeout::from(timeout).ns();
        self
    }
    /// How long `next` waits for a record and `put` for room, where they are given
    /// `Timeout::DEFAULT`.
    pub fn gap(mut self, timeout: std::time::Duration) -> StreamOptions {
        self.gap = Timeout::from(timeout).ns();
        self
    }
}

/// None at the end of a stream.
fn unless_ended<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::StreamEnded => Ok(None),
        other => other.map(Some),
    }
}

/// # Safety
/// Memory of that size, which may be null when it is empty.
unsafe fn record<'a>(data: *const std::ffi::c_void, size: usize) -> &'a [u8] {
    match size == 0 || data.is_null() {
        true => &[],
        false => std::slice::from_raw_parts(data.cast(), size),
    }
}

/// A call with records, on the caller's side. Dropping it cancels the call.
pub struct RawStream<'c> {
    handle: *mut sys::shmbus_stream_t,
    caller: PhantomData<&'c RawCaller>,
}

impl RawCaller {
    /// Starts a call with records. `request` is empty where the caller sends records.
    pub fn open(&self, request: &[u8], given: StreamOptions) -> Result<RawStream<'_>> {
        let options = sys::shmbus_stream_options_t {
            size: size_of::<sys::shmbus_stream_options_t>(),
            records: given.records as i32,
            reserved: 0,
            window: given.window,
            reply_capacity: given.room,
            timeout_ns: given.timeout,
            gap_ns: given.gap,
        };
        let from = if request.is_empty() { std::ptr::null() } else { request.as_ptr().cast() };
        self.with(|caller| {
            let mut stream = null_mut();
            attempt(|error| unsafe {
                sys::shmbus_caller_open(caller, from, request.len(), &options, &mut stream, error)
            })?;
            Ok(RawStream { handle: stream, caller: PhantomData })
        })
    }
}

impl<'c> RawStream<'c> {
    /// The next record of the handler, in place; none after the last: `end` says why.
    pub fn next(&mut self, timeout: impl Into<Timeout>) -> Result<Option<&[u8]>> {
        let (mut data, mut size, ns) = (std::ptr::null(), 0, timeout.into().ns());
        let found = attempt(|error| unsafe {
            sys::shmbus_stream_next(self.handle, ns, &mut data, &mut size, error)
        });
        unless_ended(found.map(|()| unsafe { record(data, size) }))
    }
    /// `next` would return at once.
    pub fn is_ready(&mut self) -> bool {
        unsafe { sys::shmbus_stream_ready(self.handle) != 0 }
    }
    /// Sends a record to the handler. False when it takes none any more: `end` says why.
    /// `TimedOut`: there was no room in time, and it was not sent.
    pub fn put(&mut self, record: &[u8], timeout: impl Into<Timeout>) -> Result<bool> {
        let ns = timeout.into().ns();
        let put = attempt(|error| unsafe {
            let (from, size) = (record.as_ptr().cast(), record.len());
            sys::shmbus_stream_put(self.handle, from, size, ns, error)
        });
        unless_ended(put).map(|done| done.is_some())
    }
    /// No record of the caller will follow.
    pub fn close(&mut self) -> Result<()> {
        attempt(|error| unsafe { sys::shmbus_stream_close(self.handle, error) })
    }
    /// Closes, passes over the records that were not read, waits until the handler has answered:
    /// its error, or that of the stream.
    pub fn end(&mut self) -> Result<()> {
        attempt(|error| unsafe { sys::shmbus_stream_end(self.handle, error) })
    }
    /// The same with the reply.
    pub fn finish(self) -> Result<RawReply<'c>> {
        let mut reply = null_mut();
        attempt(|error| unsafe { sys::shmbus_stream_finish(self.handle, &mut reply, error) })?;
        Ok(RawReply::new(reply))
    }
    /// Asks the handler to stop. What it has put before can still be read.
    pub fn cancel(&mut self) {
        unsafe { sys::shmbus_stream_cancel(self.handle) };
    }
}

impl Drop for RawStream<'_> {
    fn drop(&mut self) {
        unsafe { sys::shmbus_stream_free(self.handle) };
    }
}

/// Records to the caller, on the handler's side.
pub struct RawWriter<'h> {
    handle: *mut sys::shmbus_writer_t,
    command: PhantomData<&'h ()>,
}

/// Records of the caller, on the handler's side.
pub struct RawReader<'h> {
    handle: *mut sys::shmbus_reader_t,
    command: PhantomData<&'h ()>,
}

impl RawCommand<'_> {
    /// Records to the caller. `InvalidArgument`: it did not ask for any.
    pub fn writer(&self) -> Result<RawWriter<'_>> {
        let mut handle = null_mut();
        attempt(|error| unsafe { sys::shmbus_context_writer(self.raw(), &mut handle, error) })?;
        Ok(RawWriter { handle, command: PhantomData })
    }
    /// Records of the caller. `InvalidArgument`: it sends none.
    pub fn reader(&self) -> Result<RawReader<'_>> {
        let mut handle = null_mut();
        attempt(|error| unsafe { sys::shmbus_context_reader(self.raw(), &mut handle, error) })?;
        Ok(RawReader { handle, command: PhantomData })
    }
}

impl RawResponder {
    /// Records to the caller: `RawCommand::writer`.
    pub fn writer(&self) -> Result<RawWriter<'_>> {
        let mut handle = null_mut();
        attempt(|error| unsafe { sys::shmbus_responder_writer(self.raw(), &mut handle, error) })?;
        Ok(RawWriter { handle, command: PhantomData })
    }
    /// Records of the caller: `RawCommand::reader`.
    pub fn reader(&self) -> Result<RawReader<'_>> {
        let mut handle = null_mut();
        attempt(|error| unsafe { sys::shmbus_responder_reader(self.raw(), &mut handle, error) })?;
        Ok(RawReader { handle, command: PhantomData })
    }
}

impl RawWriter<'_> {
    /// Sends a record. `Cancelled`: the caller wants no more, or has gone.
    pub fn put(&mut self, record: &[u8], timeout: impl Into<Timeout>) -> Result<()> {
        let ns = timeout.into().ns();
        attempt(|error| unsafe {
            let (from, size) = (record.as_ptr().cast(), record.len());
            sys::shmbus_writer_put(self.handle, from, size, ns, error)
        })
    }
}

impl Drop for RawWriter<'_> {
    fn drop(&mut self) {
        unsafe { sys::shmbus_writer_free(self.handle) };
    }
}

impl RawReader<'_> {
    /// The next record, in place; none after the caller has closed its side. `Cancelled`: the
    /// caller has given the call up, or has gone.
    pub fn next(&mut self, timeout: impl Into<Timeout>) -> Result<Option<&[u8]>> {
        let (mut data, mut size, ns) = (std::ptr::null(), 0, timeout.into().ns());
        let found = attempt(|error| unsafe {
            sys::shmbus_reader_next(self.handle, ns, &mut data, &mut size, error)
        });
        unless_ended(found.map(|()| unsafe { record(data, size) }))
    }
    /// `next` would return at once.
    pub fn is_ready(&mut self) -> bool {
        unsafe { sys::shmbus_reader_ready(self.handle) != 0 }
    }
}

impl Drop for RawReader<'_> {
    fn drop(&mut self) {
        unsafe { sys::shmbus_reader_free(self.handle) };
    }
}
