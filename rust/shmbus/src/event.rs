//! Events: one publisher's values to many subscribers, with the last ones for those that come late.
use crate::error::{Error, ErrorKind, Result};
use crate::future::NextEvent;
use crate::raw_event::{
    PublisherOptions, RawEventLoan, RawPublisher, RawSubscriber, SubscriberOptions,
};
use crate::timeout::Timeout;
use crate::value::{self, bytes_of, Value};
use crate::{schema_of, Bus, Event};
use std::marker::PhantomData;
use std::mem::size_of;
use std::ops::{Deref, DerefMut};

/// "type->none"
fn schema_text<E: Event>() -> String {
    schema_of::<E::Value>() + "->none"
}

/// Publishes the event `E`.
pub struct Publisher<E: Event> {
    raw: RawPublisher,
    of: PhantomData<fn(E)>,
}

struct Fixed<E>(E);

impl<E: Event> Fixed<E> {
    const VALUE: () = assert!(!<E::Value as Value>::TAIL, "publish Text and Seq as bytes");
}

impl<E: Event> Publisher<E> {
    pub(crate) fn new(bus: &Bus, options: PublisherOptions) -> Result<Publisher<E>> {
        let () = Fixed::<E>::VALUE;
        let raw = RawPublisher::new(bus, E::NAME, Some(&schema_text::<E>()), options)?;
        Ok(Publisher { raw, of: PhantomData })
    }
    /// Publishes a value: `RawPublisher::publish`.
    pub fn publish(&mut self, value: &E::Value, timeout: impl Into<Timeout>) -> Result<u64> {
        let (from, size) = bytes_of(value);
        unsafe { self.raw.publish_at(from, size, timeout.into()) }
    }
    /// A default value in memory of the segment, to be filled in place.
    pub fn loan(&mut self, timeout: impl Into<Timeout>) -> Result<EventLoan<'_, E>> {
        let mut raw = self.raw.loan(size_of::<E::Value>(), timeout)?;
        let at = raw.as_mut_ptr().cast::<E::Value>();
        if at as usize % std::mem::align_of::<E::Value>() != 0 {
            return Err(Error::new(ErrorKind::InvalidArgument, "types are aligned to at most 16"));
        }
        unsafe { E::Value::init(at) };
        Ok(EventLoan { raw, of: PhantomData })
    }
}

/// Where the next event is written in place. Dropping it publishes nothing.
pub struct EventLoan<'p, E: Event> {
    raw: RawEventLoan<'p>,
    of: PhantomData<fn(E)>,
}

impl<E: Event> EventLoan<'_, E> {
    /// Publishes it; returns its number.
    pub fn publish(self) -> Result<u64> {
        self.raw.publish()
    }
}

impl<E: Event> Deref for EventLoan<'_, E> {
    type Target = E::Value;
    fn deref(&self) -> &E::Value {
        unsafe { &*self.raw.as_ptr().cast() } // `loan` made a value there
    }
}

impl<E: Event> DerefMut for EventLoan<'_, E> {
    fn deref_mut(&mut self) -> &mut E::Value {
        unsafe { &mut *self.raw.as_mut_ptr().cast() }
    }
}

/// A checked copy of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurred<T> {
    /// What was published.
    pub value: T,
    /// Counts the events of one publisher, from 1.
    pub sequence: u64,
    /// Tells the opened buses that published apart.
    pub publisher: u32,
}

impl<T> Deref for Occurred<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// Reads the event `E`.
pub struct Subscriber<E: Event> {
    raw: RawSubscriber,
    of: PhantomData<fn(E)>,
}

impl<E: Event> Subscriber<E> {
    pub(crate) fn new(bus: &Bus, options: SubscriberOptions) -> Result<Subscriber<E>> {
        let () = Fixed::<E>::VALUE;
        let raw = RawSubscriber::new(bus, E::NAME, Some(&schema_text::<E>()), options)?;
        Ok(Subscriber { raw, of: PhantomData })
    }
    /// The next event of any publisher. `TimedOut` when there is none in time. After an event that
    /// is no value of its type the next call goes on behind it.
    pub fn next(&mut self, timeout: impl Into<Timeout>) -> Result<Occurred<E::Value>> {
        let event = self.raw.next(timeout)?;
        let value = value::read(&event, "event")?;
        Ok(Occurred { value, sequence: event.sequence(), publisher: event.publisher() })
    }
    /// The next event, to be awaited with any executor.
    pub fn next_async(&mut self, timeout: impl Into<Timeout>) -> NextEvent<'_, E> {
        NextEvent::new(self, timeout.into())
    }
    /// Events that were overwritten before this subscriber came to them.
    pub fn missed(&self) -> u64 {
        self.raw.missed()
    }
    /// The subscriber of bytes below.
    pub fn raw(&mut self) -> &mut RawSubscriber {
        &mut self.raw
    }
}

impl Bus {
    /// A publisher of an event.
    pub fn publisher<E: Event>(&self, options: PublisherOptions) -> Result<Publisher<E>> {
        Publisher::new(self, options)
    }
    /// A subscriber of an event; there need not be a publisher yet.
    pub fn subscribe<E: Event>(&self, options: SubscriberOptions) -> Result<Subscriber<E>> {
        Subscriber::new(self, options)
    }
    /// A publisher of bytes; `schema`, "type->none", is compared if it is given.
    pub fn raw_publisher(
        &self,
        name: &str,
        schema: Option<&str>,
        options: PublisherOptions,
    ) -> Result<RawPublisher> {
        RawPublisher::new(self, name, schema, options)
    }
    /// A subscriber that reads bytes.
    pub fn raw_subscriber(
        &self,
        name: &str,
        schema: Option<&str>,
        options: SubscriberOptions,
    ) -> Result<RawSubscriber> {
        RawSubscriber::new(self, name, schema, options)
    }
}
