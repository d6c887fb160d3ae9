//! How long to wait.
use shmbus_sys as sys;
use std::time::Duration;

/// How long an operation may take: a `Duration`, `Timeout::DEFAULT` or `Timeout::FOREVER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(i64);

impl Timeout {
    /// That of the bus: 5 s unless it was created with another. The handler does not learn of it.
    pub const DEFAULT: Timeout = Timeout(sys::SHMBUS_DEFAULT_TIMEOUT);
    /// No limit.
    pub const FOREVER: Timeout = Timeout(sys::SHMBUS_FOREVER);

    pub(crate) fn ns(self) -> i64 {
        self.0
    }
    /// The moment when it is over, where it says one.
    pub(crate) fn duration(self) -> Option<Duration> {
        (self != Timeout::DEFAULT && self != Timeout::FOREVER)
            .then(|| Duration::from_nanos(self.0.max(0) as u64))
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Timeout {
        Timeout(i64::try_from(duration.as_nanos()).unwrap_or(sys::SHMBUS_FOREVER))
    }
}
