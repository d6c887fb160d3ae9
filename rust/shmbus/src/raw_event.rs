//! Events as bytes: what publishes and reads them below the types.
use crate::bus::c_text;
use crate::error::{attempt, Result};
use crate::timeout::Timeout;
use crate::Bus;
use shmbus_sys as sys;
use std::mem::{size_of, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::os::unix::io::RawFd;
use std::ptr::{null, null_mut};

/// What a publisher keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublisherOptions {
    keep: u32,
    event_bytes: u32,
}

impl PublisherOptions {
    /// Keeps the last event.
    pub fn new() -> PublisherOptions {
        PublisherOptions::default()
    }
    /// So many of the last events are left to subscribers that come late.
    pub fn keep(mut self, events: u32) -> PublisherOptions {
        self.keep = events;
        self
    }
    /// Room for one event, at least; otherwise the bytes of its type, or 48.
    pub fn event_bytes(mut self, bytes: u32) -> PublisherOptions {
        self.event_bytes = bytes;
        self
    }
}

/// Where a subscriber begins, and what happens when it is slow.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscriberOptions {
    from: i32,
    when_slow: i32,
    wait: i32,
}

impl SubscriberOptions {
    /// Begins with the next event; misses events when it is slow; waits adaptively.
    pub fn new() -> SubscriberOptions {
        SubscriberOptions::default()
    }
    /// Begins with the last event, also when its publisher has left.
    pub fn from_latest(mut self) -> SubscriberOptions {
        self.from = sys::SHMBUS_FROM_LATEST;
        self
    }
    /// Begins with the oldest event that is left.
    pub fn from_oldest(mut self) -> SubscriberOptions {
        self.from = sys::SHMBUS_FROM_OLDEST;
        self
    }
    /// Misses nothing: the publisher waits for it.
    pub fn hold(mut self) -> SubscriberOptions {
        self.when_slow = sys::SHMBUS_WHEN_SLOW_HOLD;
        self
    }
    /// Never sleep: the lowest latency, one core busy.
    pub fn spin(mut self) -> SubscriberOptions {
        self.wait = sys::SHMBUS_WAIT_SPINNING;
        self
    }
}

/// Publishes bytes under one name. One thread at a time uses it.
pub struct RawPublisher {
    handle: *mut sys::shmbus_publisher_t,
}

// One thread at a time, whichever: all takes &mut self.
unsafe impl Send for RawPublisher {}

impl RawPublisher {
    pub(crate) fn new(
        bus: &Bus,
        name: &str,
        schema: Option<&str>,
        given: PublisherOptions,
    ) -> Result<RawPublisher> {
        let (name, schema) = (c_text(name)?, schema.map(c_text).transpose()?);
        let options = sys::shmbus_publisher_options_t {
            size: size_of::<sys::shmbus_publisher_options_t>(),
            keep: given.keep,
            event_bytes: given.event_bytes,
            schema: schema.as_ref().map_or(null(), |one| one.as_ptr()),
        };
        let mut handle = null_mut();
        attempt(|error| unsafe {
            sys::shmbus_publisher_new(bus.raw(), name.as_ptr(), &options, &mut handle, error)
        })?;
        Ok(RawPublisher { handle })
    }
    /// Publishes an event; returns its number, counted from 1. Waits only for living subscribers
    /// that hold: `Overloaded` names the one that did not read on in time.
    pub fn publish(&mut self, event: &[u8], timeout: impl Into<Timeout>) -> Result<u64> {
        unsafe { self.publish_at(event.as_ptr(), event.len(), timeout.into()) }
    }
    /// # Safety
    /// Memory of that size.
    pub(crate) unsafe fn publish_at(
        &mut self,
        from: *const u8,
        size: usize,
        timeout: Timeout,
    ) -> Result<u64> {
        let (mut number, ns) = (0, timeout.ns());
        attempt(|error| {
            sys::shmbus_publish(self.handle, from.cast(), size, ns, &mut number, error)
        })?;
        Ok(number)
    }
    /// Memory for an event of `size` bytes, filled in place. Its bytes are those that were there
    /// before.
    pub fn loan(&mut self, size: usize, timeout: impl Into<Timeout>) -> Result<RawEventLoan<'_>> {
        let (mut data, ns) = (null_mut(), timeout.into().ns());
        attempt(|error| unsafe {
            sys::shmbus_publisher_loan(self.handle, size, ns, &mut data, error)
        })?;
        let data =
            if data.is_null() { std::ptr::NonNull::dangling().as_ptr() } else { data.cast() };
        Ok(RawEventLoan { publisher: self, data, size })
    }
}

impl Drop for RawPublisher {
    /// Its last events stay for subscribers that come late.
    fn drop(&mut self) {
        unsafe { sys::shmbus_publisher_free(self.handle) };
    }
}

/// Where the next event is written in place: `&mut [u8]`. Dropping it publishes nothing.
pub struct RawEventLoan<'p> {
    publisher: &'p mut RawPublisher,
    data: *mut u8,
    size: usize,
}

impl RawEventLoan<'_> {
    /// Publishes it; returns its number.
    pub fn publish(self) -> Result<u64> {
        let (mut number, handle) = (0, self.publisher.handle);
        attempt(|error| unsafe {
            sys::shmbus_publisher_commit(handle, self.size, &mut number, error)
        })?;
        Ok(number)
    }
    /// Only the first `size` bytes will be published.
    pub fn shrink(&mut self, size: usize) {
        self.size = self.size.min(size);
    }
}

impl Deref for RawEventLoan<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

impl DerefMut for RawEventLoan<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        unsafe { std::slice::from_raw_parts_mut(self.data, self.size) }
    }
}

/// Reads the events of one name as bytes. One thread at a time uses it.
pub struct RawSubscriber {
    handle: *mut sys::shmbus_subscriber_t,
}

// One thread at a time, whichever: all that does anything takes &mut self.
unsafe impl Send for RawSubscriber {}

impl RawSubscriber {
    pub(crate) fn new(
        bus: &Bus,
        name: &str,
        schema: Option<&str>,
        given: SubscriberOptions,
    ) -> Result<RawSubscriber> {
        let (name, schema) = (c_text(name)?, schema.map(c_text).transpose()?);
        let options = sys::shmbus_subscriber_options_t {
            size: size_of::<sys::shmbus_subscriber_options_t>(),
            from: given.from,
            when_slow: given.when_slow,
            wait: given.wait,
            reserved: 0,
            schema: schema.as_ref().map_or(null(), |one| one.as_ptr()),
        };
        let mut handle = null_mut();
        attempt(|error| unsafe {
            sys::shmbus_subscriber_new(bus.raw(), name.as_ptr(), &options, &mut handle, error)
        })?;
        Ok(RawSubscriber { handle })
    }
    /// The next event of any publisher, in place: one at a time. `TimedOut` when there is none.
    pub fn next(&mut self, timeout: impl Into<Timeout>) -> Result<RawEvent<'_>> {
        // Numbers and a pointer.
        let mut event: sys::shmbus_event_t = unsafe { MaybeUninit::zeroed().assume_init() };
        event.size = size_of::<sys::shmbus_event_t>();
        let ns = timeout.into().ns();
        attempt(|error| unsafe {
            sys::shmbus_subscriber_next(self.handle, ns, &mut event, error)
        })?;
        Ok(RawEvent { subscriber: self, event })
    }
    /// `next` would return at once.
    pub fn is_ready(&mut self) -> bool {
        unsafe { sys::shmbus_subscriber_ready(self.handle) != 0 }
    }
    /// Events that were overwritten before this subscriber came to them.
    pub fn missed(&self) -> u64 {
        unsafe { sys::shmbus_subscriber_missed(self.handle) }
    }
    /// Readable when there may be an event; level-triggered until `poll`. It stays the library's.
    pub fn fd(&mut self) -> Result<RawFd> {
        let mut fd = -1;
        attempt(|error| unsafe { sys::shmbus_subscriber_fd(self.handle, &mut fd, error) })?;
        Ok(fd)
    }
    /// Clears the descriptor; then ask `next` with no time until it says `TimedOut`.
    pub fn poll(&mut self) -> Result<()> {
        attempt(|error| unsafe { sys::shmbus_subscriber_poll(self.handle, error) })
    }
}

impl Drop for RawSubscriber {
    fn drop(&mut self) {
        unsafe { sys::shmbus_subscriber_free(self.handle) };
    }
}

/// An event where it lies: `&[u8]`. A publisher that must not lose it waits: drop it soon.
pub struct RawEvent<'s> {
    subscriber: &'s mut RawSubscriber,
    event: sys::shmbus_event_t,
}

impl RawEvent<'_> {
    /// Counts the events of one publisher, from 1.
    pub fn sequence(&self) -> u64 {
        self.event.sequence
    }
    /// Tells the opened buses that published apart.
    pub fn publisher(&self) -> u32 {
        self.event.publisher
    }
}

impl Deref for RawEvent<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        if self.event.data.is_null() || self.event.data_size == 0 {
            return &[];
        }
        unsafe { std::slice::from_raw_parts(self.event.data.cast(), self.event.data_size) }
    }
}

impl Drop for RawEvent<'_> {
    fn drop(&mut self) {
        unsafe { sys::shmbus_subscriber_release(self.subscriber.handle) };
    }
}
