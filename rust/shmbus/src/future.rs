//! Calls and servers that are awaited, with any executor.
use crate::error::{Error, ErrorKind, Result};
use crate::held::RawPending;
use crate::reactor::Watcher;
use crate::timeout::Timeout;
use crate::value::{self, bytes_of};
use crate::{Command, Event, Occurred, RawCaller, Server, Subscriber};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Deadlines pass and handlers die without making a descriptor readable.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A server looks so often for commands whose caller died before it rang.
const SWEEP: Duration = Duration::from_millis(100);
/// How long a default timeout waits for a handler or for room.
const DEFAULT: Duration = Duration::from_secs(5);

/// A wait without a limit looks again so often.
const FAR: Duration = Duration::from_secs(60);

/// A call to be awaited: of `Caller::call_async`. It belongs to the thread of its caller. Dropping
/// it cancels the command.
#[must_use = "a call begins when it is awaited"]
pub struct Calling<'c, C: Command> {
    caller: &'c RawCaller,
    request: C::Request,
    room: usize,
    timeout: Timeout,
    /// From the first attempt on.
    until: Option<Instant>,
    pending: Option<RawPending<'c>>,
    started: bool,
    watcher: Watcher,
    of: PhantomData<fn(C)>,
}

// Nothing of it is pinned.
impl<C: Command> Unpin for Calling<'_, C> {}

impl<'c, C: Command> Calling<'c, C> {
    pub(crate) fn new(
        caller: &'c RawCaller,
        request: C::Request,
        room: usize,
        timeout: Timeout,
    ) -> Calling<'c, C> {
        let (until, pending, started, watcher) = (None, None, false, Watcher::new());
        Calling {
            caller,
            request,
            room,
            timeout,
            until,
            pending,
            started,
            watcher,
            of: PhantomData,
        }
    }

    /// The time until it is to be tried again.
    fn start(&mut self) -> Result<Option<Duration>> {
        let (caller, left) = (self.caller.at_once(), self.left());
        let (from, size) = bytes_of(&self.request);
        let error = match unsafe { caller.start_at(from, size, self.room, left) } {
            Ok(pending) => {
                self.pending = Some(pending);
                self.started = true;
                return Ok(None);
            }
            Err(error) => error,
        };
        let wait = match error.kind() {
            ErrorKind::NotRegistered if self.caller.options.waits_for_handler => LOOK_AGAIN,
            // No cell or memory is free. A policy says when to come back, or has no code.
            ErrorKind::Overloaded if self.waits_for_room(&error) => Duration::from_millis(1),
            _ => return Err(error),
        };
        match self.until {
            Some(until) if until <= Instant::now() => Err(error),
            _ => Ok(Some(wait)),
        }
    }

    fn waits_for_room(&self, error: &Error) -> bool {
        !self.caller.options.fails_when_full && error.retry_after().is_zero() && error.code() != 0
    }

    /// The deadline travels with the command.
    fn left(&mut self) -> Timeout {
        if self.timeout == Timeout::FOREVER {
            return self.timeout;
        }
        let limit = self.timeout.duration().unwrap_or(DEFAULT);
        let first = self.until.is_none();
        let until = *self.until.get_or_insert_with(|| Instant::now() + limit);
        if first || self.timeout == Timeout::DEFAULT {
            return self.timeout;
        }
        // At the end of it once more, for the error that says what it was waiting for.
        until.saturating_duration_since(Instant::now()).into()
    }
}

impl<C: Command> Future for Calling<'_, C> {
    type Output = Result<C::Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.watcher.take_fired() && this.pending.is_some() {
            this.caller.at_once().poll()?;
        }
        if this.pending.is_none() && !this.started {
            if let Some(wait) = this.start()? {
                this.watcher.watch(None, wait, context.waker());
                return Poll::Pending;
            }
        }
        let ready = this.pending.as_mut().map_or(true, |one| one.wait_ready(Duration::ZERO));
        if !ready {
            let fd = this.caller.at_once().fd()?;
            this.watcher.watch(Some(fd), LOOK_AGAIN, context.waker());
            return Poll::Pending;
        }
        this.watcher.forget();
        Poll::Ready(match this.pending.take().map(RawPending::wait) {
            Some(Ok(reply)) => value::read(&reply, "reply").map_err(Error::after_run),
            Some(Err(error)) => Err(error),
            None => Err(Error::new(ErrorKind::InvalidArgument, "this call has ended before")),
        })
    }
}

impl<C: Command> Drop for Calling<'_, C> {
    fn drop(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.cancel();
        }
    }
}

/// A server that runs where it is awaited: of `Server::serve`.
#[must_use = "a server runs while it is awaited"]
pub struct Serving<'s> {
    server: &'s mut Server,
    watcher: Watcher,
}

impl<'s> Serving<'s> {
    pub(crate) fn new(server: &'s mut Server) -> Serving<'s> {
        Serving { server, watcher: Watcher::new() }
    }
}

impl Future for Serving<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let shared = this.server.shared.clone();
        *shared.serving.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(context.waker().clone());
        let _ = this.watcher.take_fired(); // polling clears the descriptor
        if this.server.poll(0)? != 0 {
            context.waker().wake_by_ref(); // others have their turn before the next commands
            return Poll::Pending;
        }
        let replaced = this.server.is_replaced() && !this.server.is_draining();
        if shared.stopped.load(Ordering::Acquire) || replaced {
            return Poll::Ready(Ok(()));
        }
        let fd = this.server.fd()?;
        this.watcher.watch(Some(fd), SWEEP, context.waker());
        Poll::Pending
    }
}

/// The next event of a subscriber: of `Subscriber::next_async`.
#[must_use = "it waits when it is awaited"]
pub struct NextEvent<'s, E: Event> {
    subscriber: &'s mut Subscriber<E>,
    timeout: Timeout,
    until: Option<Instant>,
    watcher: Watcher,
}

impl<'s, E: Event> NextEvent<'s, E> {
    pub(crate) fn new(subscriber: &'s mut Subscriber<E>, timeout: Timeout) -> NextEvent<'s, E> {
        NextEvent { subscriber, timeout, until: None, watcher: Watcher::new() }
    }
}

impl<E: Event> Future for NextEvent<'_, E> {
    type Output = Result<Occurred<E::Value>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.watcher.take_fired() {
            this.subscriber.raw().poll()?;
        }
        let limit = this.timeout.duration().unwrap_or(DEFAULT);
        let until = *this.until.get_or_insert_with(|| Instant::now() + limit);
        let left = match this.timeout {
            Timeout::FOREVER => FAR,
            _ => until.saturating_duration_since(Instant::now()),
        };
        match this.subscriber.next(Duration::ZERO) {
            Err(error) if error.kind() == ErrorKind::TimedOut && !left.is_zero() => {
                let fd = this.subscriber.raw().fd()?;
                this.watcher.watch(Some(fd), left, context.waker());
                Poll::Pending
            }
            found => {
                this.watcher.forget();
                Poll::Ready(found)
            }
        }
    }
}

/// Runs one future on this thread, which sleeps while there is nothing to do: for programs that
/// have no executor.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Bell(Mutex<bool>, Condvar);
    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.1.notify_one();
        }
    }
    let bell = Arc::new(Bell(Mutex::new(false), Condvar::new()));
    let waker = Waker::from(bell.clone());
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        let rung = bell.0.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = bell.1.wait_while(rung, |rung| !*rung);
        *woken.unwrap_or_else(PoisonError::into_inner) = false;
    }
}
