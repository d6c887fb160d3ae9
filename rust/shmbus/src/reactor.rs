//! One thread that waits for descriptors and moments on behalf of futures, and wakes them. It
//! starts with the first future that has to wait, and sleeps while there are none.
//!
//! A descriptor that became readable, or whose moment came, has `fired`: it is not watched until a
//! future has taken that, and has cleared the descriptor. All futures that wait on it are woken.
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::raw::{c_int, c_short, c_ulong};
use std::os::unix::io::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

#[repr(C)]
#[derive(Clone, Copy)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

extern "C" {
    fn poll(fds: *mut PollFd, count: c_ulong, timeout_ms: c_int) -> c_int;
}

const READABLE: c_short = 1;

struct Place {
    due: Instant,
    fired: bool,
    wakers: HashMap<i64, Waker>,
}

#[derive(Default)]
struct State {
    /// By descriptor; negative numbers are moments alone.
    places: HashMap<i64, Place>,
    /// Written to when the thread has to look again.
    bell: Option<UnixStream>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);
static NEXT: AtomicI64 = AtomicI64::new(1);

/// One future's place in the list.
pub(crate) struct Watcher {
    id: i64,
    /// Where its waker is.
    at: Option<i64>,
}

fn state() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watcher {
    pub(crate) fn new() -> Watcher {
        Watcher { id: NEXT.fetch_add(1, Ordering::Relaxed), at: None }
    }

    /// True once after the descriptor became readable or its moment came: clear it then.
    pub(crate) fn take_fired(&mut self) -> bool {
        let mut state = state();
        let place = self.at.and_then(|at| state.as_mut()?.places.get_mut(&at));
        place.map_or(false, |place| std::mem::take(&mut place.fired))
    }

    /// Wakes when the descriptor is readable, and after that time at the latest.
    pub(crate) fn watch(&mut self, fd: Option<RawFd>, within: Duration, waker: &Waker) {
        let at = fd.map_or(-self.id, i64::from);
        if self.at != Some(at) {
            self.forget();
        }
        let due = Instant::now() + within;
        let mut guard = state();
        let state = guard.get_or_insert_with(State::default);
        let fresh = || Place { due, fired: false, wakers: HashMap::new() };
        let place = state.places.entry(at).or_insert_with(fresh);
        place.due = place.due.min(due);
        if place.wakers.is_empty() || place.due <= Instant::now() {
            place.due = due;
        }
        place.wakers.insert(self.id, waker.clone());
        self.at = Some(at);
        if place.fired {
            waker.wake_by_ref(); // somebody has yet to take that
        }
        ring(state);
    }

    /// It waits no more.
    pub(crate) fn forget(&mut self) {
        let mut guard = state();
        let (at, state) = match (self.at.take(), guard.as_mut()) {
            (Some(at), Some(state)) => (at, state),
            _ => return,
        };
        if let Some(place) = state.places.get_mut(&at) {
            place.wakers.remove(&self.id);
            if place.wakers.is_empty() {
                state.places.remove(&at);
                ring(state);
            } else if place.fired {
                // What this one may have been woken for is now for another.
                place.wakers.values().for_each(Waker::wake_by_ref);
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Lets the thread look again; starts it.
fn ring(state: &mut State) {
    if state.bell.is_none() {
        let (ours, theirs) = match UnixStream::pair() {
            Ok(pair) => pair,
            Err(_) => return, // the next one tries again
        };
        let _ = ours.set_nonblocking(true);
        let _ = theirs.set_nonblocking(true);
        let thread = std::thread::Builder::new().name("shmbus-reactor".into());
        if thread.spawn(move || run(theirs)).is_err() {
            return;
        }
        state.bell = Some(ours);
    }
    // Full: it has been rung already.
    let _ = state.bell.as_ref().map(|mut bell| bell.write(&[0]));
}

fn run(mut bell: UnixStream) {
    loop {
        let (mut fds, timeout) = wanted(bell.as_raw_fd());
        // Interrupted: it looks again.
        unsafe { poll(fds.as_mut_ptr(), fds.len() as c_ulong, timeout) };
        let mut rung = [0; 256];
        while matches!(bell.read(&mut rung), Ok(256)) {}
        fire(&fds[1..]);
    }
}

/// What to wait for: the bell, then descriptors.
fn wanted(bell: RawFd) -> (Vec<PollFd>, c_int) {
    let mut fds = vec![PollFd { fd: bell, events: READABLE, revents: 0 }];
    let guard = state();
    let waiting = guard.iter().flat_map(|state| &state.places).filter(|(_, place)| !place.fired);
    let mut due: Option<Instant> = None;
    for (at, place) in waiting {
        due = Some(due.map_or(place.due, |one| one.min(place.due)));
        if let Ok(fd @ 0..) = c_int::try_from(*at) {
            fds.push(PollFd { fd, events: READABLE, revents: 0 });
        }
    }
    let left = due.map(|one| one.saturating_duration_since(Instant::now()));
    // Rounded up: a moment is over when it fires.
    (fds, left.map_or(-1, |left| ((left.as_micros() + 999) / 1000).min(60_000) as c_int))
}

fn fire(fds: &[PollFd]) {
    let now = Instant::now();
    let mut wakers = Vec::new();
    if let Some(state) = state().as_mut() {
        for (at, place) in &mut state.places {
            let readable = fds.iter().any(|one| i64::from(one.fd) == *at && one.revents != 0);
            if !place.fired && (readable || place.due <= now) {
                place.fired = true;
                wakers.extend(place.wakers.values().cloned());
            }
        }
    }
    wakers.into_iter().for_each(Waker::wake);
}
