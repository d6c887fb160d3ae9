//! How a caller waits, and what becomes of its commands.
use shmbus_sys as sys;

/// How a caller waits, and what becomes of its commands.
#[derive(Clone, Debug, Default)]
pub struct CallerOptions {
    pub(crate) wait: i32,
    pub(crate) waits_for_handler: bool,
    pub(crate) fails_when_full: bool,
    pub(crate) on_caller_exit: i32,
    pub(crate) inherit: i32,
    pub(crate) in_group: i32,
    pub(crate) reports_lost: bool,
}

impl CallerOptions {
    /// Waits adaptively; a call of a name that nobody has fails at once.
    pub fn new() -> CallerOptions {
        CallerOptions::default()
    }
    /// Calls wait for a handler until their deadline: start in any order.
    pub fn wait_for_handler(mut self) -> CallerOptions {
        self.waits_for_handler = true;
        self
    }
    /// Never sleep: the lowest latency, one core busy.
    pub fn spin(mut self) -> CallerOptions {
        self.wait = sys::SHMBUS_WAIT_SPINNING;
        self
    }
    /// Sleep at once.
    pub fn block(mut self) -> CallerOptions {
        self.wait = sys::SHMBUS_WAIT_BLOCKING;
        self
    }
    /// `Overloaded` when no cell or memory is free, instead of a wait.
    pub fn fail_when_full(mut self) -> CallerOptions {
        self.fails_when_full = true;
        self
    }
    /// What becomes of commands under way when this process ends; otherwise they run.
    pub fn on_caller_exit(mut self, then: OnCallerExit) -> CallerOptions {
        self.on_caller_exit = then as i32;
        self
    }
    /// Calls inside a handler take over nothing of the command that runs there.
    pub fn inherit_nothing(mut self) -> CallerOptions {
        self.inherit = sys::SHMBUS_INHERIT_NOTHING;
        self
    }
    /// Always the same member of a group.
    pub fn pinned_in_group(mut self) -> CallerOptions {
        self.in_group = sys::SHMBUS_IN_GROUP_PINNED;
        self
    }
    /// `take_lost` is to report one-way commands that were lost.
    pub fn report_lost(mut self) -> CallerOptions {
        self.reports_lost = true;
        self
    }
}

/// What becomes of the commands of a process that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCallerExit {
    /// They run.
    Run = sys::SHMBUS_ON_CALLER_EXIT_RUN as isize,
    /// They are cancelled.
    Cancel = sys::SHMBUS_ON_CALLER_EXIT_CANCEL as isize,
}
