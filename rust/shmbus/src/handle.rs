//! Handles of callers in C, each of which belongs to the thread that made it.
use shmbus_sys as sys;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A handle of C and the thread that it belongs to.
pub(crate) struct Handle {
    pub(crate) caller: *mut sys::shmbus_caller_t,
    pub(crate) thread: u64,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Never that of another thread, dead or alive.
pub(crate) fn this_thread() -> u64 {
    ID.with(|id| *id)
}

/// Handles whose caller has moved on to another thread.
static LEFT_BEHIND: Mutex<Vec<Handle>> = Mutex::new(Vec::new());

// Only their own thread ends them, or one that knows that it has ended.
unsafe impl Send for Handle {}

impl Handle {
    /// On its own thread at once, else when that makes a caller the next time, or ends.
    pub(crate) fn end(self) {
        if self.thread == this_thread() {
            unsafe { sys::shmbus_caller_free(self.caller) };
        } else {
            LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner).push(self);
        }
    }
}

struct EndOfThread(u64);

impl Drop for EndOfThread {
    fn drop(&mut self) {
        fetch_left_behind(self.0);
    }
}

thread_local! {
    // It has no destructor: there until the thread is gone.
    static ID: u64 = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    static END_OF_THREAD: EndOfThread = EndOfThread(this_thread());
}

/// Frees the handles of that thread, which is this one, or has ended.
fn fetch_left_behind(thread: u64) {
    let mut list = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    let (mine, others) =
        std::mem::take(&mut *list).into_iter().partition(|one| one.thread == thread);
    *list = others;
    drop(list);
    let mine: Vec<Handle> = mine;
    mine.iter().for_each(|one| unsafe { sys::shmbus_caller_free(one.caller) });
}

/// Frees what callers left behind on this thread, now and when it ends.
pub(crate) fn tidy_up() {
    // In a destructor of the thread's own data there is nothing to set up any more.
    let _ = END_OF_THREAD.try_with(|_| ());
    fetch_left_behind(this_thread());
}
