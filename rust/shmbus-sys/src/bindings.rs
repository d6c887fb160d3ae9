// Made by bindings.py from the headers of the C interface: change those, not this.
use std::os::raw::{c_char, c_int, c_void};

pub const SHMBUS_ABI: u32 = 1;
pub const SHMBUS_CAUSES_MAX: u32 = 3;
pub const SHMBUS_DEFAULT_TIMEOUT: i64 = i64::MIN;
pub const SHMBUS_FOREVER: i64 = i64::MAX;

pub const SHMBUS_OK: i32 = 0;
pub const SHMBUS_NOT_REGISTERED: i32 = 1;
pub const SHMBUS_REJECTED: i32 = 2;
pub const SHMBUS_TIMED_OUT: i32 = 3;
pub const SHMBUS_CANCELLED: i32 = 4;
pub const SHMBUS_HANDLER_DIED_BEFORE_START: i32 = 5;
pub const SHMBUS_HANDLER_DIED_AFTER_START: i32 = 6;
pub const SHMBUS_OVERLOADED: i32 = 7;
pub const SHMBUS_TYPE_MISMATCH: i32 = 8;
pub const SHMBUS_TOO_LARGE: i32 = 9;
pub const SHMBUS_NOT_PERMITTED: i32 = 10;
pub const SHMBUS_BUS_UNUSABLE: i32 = 11;
pub const SHMBUS_ALREADY_REGISTERED: i32 = 12;
pub const SHMBUS_INVALID_ARGUMENT: i32 = 13;
pub const SHMBUS_WRONG_THREAD: i32 = 14;
pub const SHMBUS_FORKED: i32 = 15;
pub const SHMBUS_CORRUPTED: i32 = 16;
pub const SHMBUS_ABANDONED: i32 = 17;
pub const SHMBUS_LIMIT_REACHED: i32 = 18;
pub const SHMBUS_STREAM_ENDED: i32 = 19;
pub const SHMBUS_WAIT_ADAPTIVE: i32 = 0;
pub const SHMBUS_WAIT_SPINNING: i32 = 1;
pub const SHMBUS_WAIT_BLOCKING: i32 = 2;
pub const SHMBUS_OPEN_NO_CREATE: i32 = 1;
pub const SHMBUS_OPEN_SET_GROUP: i32 = 2;
pub const SHMBUS_OPEN_LEAVE_BUS_ERRORS: i32 = 4;
pub const SHMBUS_OPEN_TIME_ALL: i32 = 8;
pub const SHMBUS_WHEN_VACANT_FAIL: i32 = 0;
pub const SHMBUS_WHEN_VACANT_WAIT: i32 = 1;
pub const SHMBUS_WHEN_FULL_WAIT: i32 = 0;
pub const SHMBUS_WHEN_FULL_FAIL: i32 = 1;
pub const SHMBUS_ON_CALLER_EXIT_RUN: i32 = 0;
pub const SHMBUS_ON_CALLER_EXIT_CANCEL: i32 = 1;
pub const SHMBUS_INHERIT_ALL: i32 = 0;
pub const SHMBUS_INHERIT_NOTHING: i32 = 1;
pub const SHMBUS_INHERIT_TRACE: i32 = 2;
pub const SHMBUS_IN_GROUP_LEAST_BUSY: i32 = 0;
pub const SHMBUS_IN_GROUP_PINNED: i32 = 1;
pub const SHMBUS_FROM_NOW: i32 = 0;
pub const SHMBUS_FROM_LATEST: i32 = 1;
pub const SHMBUS_FROM_OLDEST: i32 = 2;
pub const SHMBUS_WHEN_SLOW_SKIP: i32 = 0;
pub const SHMBUS_WHEN_SLOW_HOLD: i32 = 1;
pub const SHMBUS_CIRCUIT_CLOSED: i32 = 0;
pub const SHMBUS_CIRCUIT_OPEN: i32 = 1;
pub const SHMBUS_CIRCUIT_HALF_OPEN: i32 = 2;
pub const SHMBUS_ORDER_PER_CALLER: i32 = 0;
pub const SHMBUS_ORDER_GLOBAL: i32 = 1;
pub const SHMBUS_SHARING_EXCLUSIVE: i32 = 0;
pub const SHMBUS_SHARING_GROUP: i32 = 1;
pub const SHMBUS_SHARING_CANARY: i32 = 2;
pub const SHMBUS_IF_UNRESPONSIVE_FAIL: i32 = 0;
pub const SHMBUS_IF_UNRESPONSIVE_KILL: i32 = 1;
pub const SHMBUS_RECORDS_FROM_HANDLER: i32 = 0;
pub const SHMBUS_RECORDS_TO_HANDLER: i32 = 1;
pub const SHMBUS_RECORDS_BOTH: i32 = 2;

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_bus_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_caller_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_loan_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_pending_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_reply_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_server_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_context_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_responder_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_watch_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_publisher_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_subscriber_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_stream_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_writer_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

/// A handle: made and ended by functions alone.
#[repr(C)]
pub struct shmbus_reader_t {
    _opaque: [*mut u8; 0], // neither Send nor Sync
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_cause_t {
    pub kind: i32,
    pub code: i32,
    pub after_gap: i32,
    pub command: [c_char; 28],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_error_t {
    pub size: usize,
    pub kind: i32,
    pub code: i32,
    pub may_have_run: i32,
    pub cause_count: i32,
    pub needed: u64,
    pub retry_after_ns: u64,
    pub text: [c_char; 240],
    pub causes: [shmbus_cause_t; SHMBUS_CAUSES_MAX as usize],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_open_options_t {
    pub size: usize,
    pub flags: u32,
    pub mode: u32,
    pub label: *const c_char,
    pub default_timeout_ns: i64,
    pub group: i64,
    pub trace_ratio: f64,
    pub participants: u32,
    pub names: u32,
    pub endpoints: u32,
    pub lanes: u32,
    pub cells_per_lane: u32,
    pub inbox_slots: u32,
    pub extents: u32,
    pub extent_bytes: u32,
    pub max_participants: u32,
    pub max_endpoints: u32,
    pub max_names: u32,
    pub max_lanes: u32,
    pub max_extents: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_name_change_t {
    pub name: [c_char; 132],
    pub owner: [c_char; 68],
    pub pid: u32,
    pub available: i32,
    pub taken_over: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_caller_options_t {
    pub size: usize,
    pub wait: i32,
    pub when_vacant: i32,
    pub when_full: i32,
    pub on_caller_exit: i32,
    pub inherit: i32,
    pub in_group: i32,
    pub trace_ratio: f64,
    pub schema: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_lost_t {
    pub context: *mut c_void,
    pub call: Option<unsafe extern "C" fn(*mut c_void, u64, i32)>,
    pub drop: Option<unsafe extern "C" fn(*mut c_void)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_publisher_options_t {
    pub size: usize,
    pub keep: u32,
    pub event_bytes: u32,
    pub schema: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_subscriber_options_t {
    pub size: usize,
    pub from: i32,
    pub when_slow: i32,
    pub wait: i32,
    pub reserved: i32,
    pub schema: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_event_t {
    pub size: usize,
    pub data: *const c_void,
    pub data_size: usize,
    pub sequence: u64,
    pub publisher: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_policy_t {
    pub size: usize,
    pub deadline_ns: i64,
    pub outstanding_per_caller: u32,
    pub outstanding: u32,
    pub rate_commands: u32,
    pub rate_burst: u32,
    pub rate_per_ns: i64,
    pub breaker_failure_percent: u32,
    pub breaker_min_calls: u32,
    pub breaker_window_ns: i64,
    pub breaker_open_ns: i64,
    pub breaker_count_rejections: i32,
    pub deny: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_policy_status_t {
    pub size: usize,
    pub circuit: i32,
    pub window_calls: u32,
    pub window_failures: u32,
    pub outstanding: u32,
    pub circuit_since_ns: i64,
    pub denied: u64,
    pub over_rate: u64,
    pub over_outstanding: u64,
    pub circuit_open: u64,
    pub opened: u64,
    pub set_by_uid: u32,
    pub set_by_pid: u32,
    pub set_at_unix_s: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_serve_options_t {
    pub size: usize,
    pub label: *const c_char,
    pub wait: i32,
    pub order: i32,
    pub hot_lanes: u32,
    pub stand_by: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_handler_t {
    pub context: *mut c_void,
    pub call: Option<unsafe extern "C" fn(*mut c_void, *mut shmbus_context_t)>,
    pub drop: Option<unsafe extern "C" fn(*mut c_void)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_registration_t {
    pub size: usize,
    pub sharing: i32,
    pub reserved: i32,
    pub schema: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_task_t {
    pub context: *mut c_void,
    pub call: Option<unsafe extern "C" fn(*mut c_void)>,
    pub drop: Option<unsafe extern "C" fn(*mut c_void)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_caller_info_t {
    pub size: usize,
    pub pid: u32,
    pub uid: u32,
    pub label: [c_char; 72],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct shmbus_stream_options_t {
    pub size: usize,
    pub records: i32,
    pub reserved: u32,
    pub window: usize,
    pub reply_capacity: usize,
    pub timeout_ns: i64,
    pub gap_ns: i64,
}

extern "C" {
    pub fn shmbus_abi() -> u32;
    pub fn shmbus_version() -> *const c_char;
    pub fn shmbus_kind_name(kind: i32) -> *const c_char;
    pub fn shmbus_open(
        name_or_path: *const c_char,
        options: *const shmbus_open_options_t,
        bus: *mut *mut shmbus_bus_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_close(bus: *mut shmbus_bus_t);
    pub fn shmbus_path(bus: *const shmbus_bus_t) -> *const c_char;
    pub fn shmbus_wait_until_available(
        bus: *mut shmbus_bus_t,
        name: *const c_char,
        timeout_ns: i64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_schema(
        bus: *mut shmbus_bus_t,
        name: *const c_char,
        text: *mut c_char,
        capacity: usize,
        length: *mut usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_schema_check(
        handler: *const c_char,
        caller: *const c_char,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_watch_new(
        bus: *mut shmbus_bus_t,
        names: *const *const c_char,
        count: usize,
        watch: *mut *mut shmbus_watch_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_watch_free(watch: *mut shmbus_watch_t);
    pub fn shmbus_watch_poll(
        watch: *mut shmbus_watch_t,
        changes: *mut shmbus_name_change_t,
        capacity: usize,
        count: *mut usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_watch_wait(
        watch: *mut shmbus_watch_t,
        timeout_ns: i64,
        changed: *mut c_int,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_watch_fd(
        watch: *mut shmbus_watch_t,
        fd: *mut c_int,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_new(
        bus: *mut shmbus_bus_t,
        name: *const c_char,
        options: *const shmbus_caller_options_t,
        caller: *mut *mut shmbus_caller_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_free(caller: *mut shmbus_caller_t);
    pub fn shmbus_caller_call(
        caller: *mut shmbus_caller_t,
        request: *const c_void,
        request_size: usize,
        reply: *mut c_void,
        reply_capacity: usize,
        reply_size: *mut usize,
        timeout_ns: i64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_start(
        caller: *mut shmbus_caller_t,
        request: *const c_void,
        request_size: usize,
        reply_capacity: usize,
        timeout_ns: i64,
        pending: *mut *mut shmbus_pending_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_send(
        caller: *mut shmbus_caller_t,
        request: *const c_void,
        request_size: usize,
        timeout_ns: i64,
        sequence: *mut u64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_send_later(
        caller: *mut shmbus_caller_t,
        request: *const c_void,
        request_size: usize,
        timeout_ns: i64,
        sequence: *mut u64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_send_many(
        caller: *mut shmbus_caller_t,
        requests: *const c_void,
        each: usize,
        count: usize,
        timeout_ns: i64,
        sent: *mut usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_flush(caller: *mut shmbus_caller_t, error: *mut shmbus_error_t) -> c_int;
    pub fn shmbus_caller_on_lost(
        caller: *mut shmbus_caller_t,
        lost: *const shmbus_lost_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_lost(caller: *const shmbus_caller_t) -> u64;
    pub fn shmbus_caller_fd(
        caller: *mut shmbus_caller_t,
        fd: *mut c_int,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_caller_poll(caller: *mut shmbus_caller_t, error: *mut shmbus_error_t) -> c_int;
    pub fn shmbus_caller_next_poll_ns(caller: *const shmbus_caller_t) -> i64;
    pub fn shmbus_caller_loan(
        caller: *mut shmbus_caller_t,
        size: usize,
        reply_capacity: usize,
        loan: *mut *mut shmbus_loan_t,
        data: *mut *mut c_void,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_loan_data(loan: *mut shmbus_loan_t, size: *mut usize) -> *mut c_void;
    pub fn shmbus_loan_shrink(loan: *mut shmbus_loan_t, size: usize);
    pub fn shmbus_loan_call(
        loan: *mut shmbus_loan_t,
        timeout_ns: i64,
        reply: *mut *mut shmbus_reply_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_loan_start(
        loan: *mut shmbus_loan_t,
        timeout_ns: i64,
        pending: *mut *mut shmbus_pending_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_loan_send(
        loan: *mut shmbus_loan_t,
        timeout_ns: i64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_loan_drop(loan: *mut shmbus_loan_t);
    pub fn shmbus_pending_ready(pending: *const shmbus_pending_t) -> c_int;
    pub fn shmbus_pending_wait_ready(pending: *mut shmbus_pending_t, timeout_ns: i64) -> c_int;
    pub fn shmbus_pending_wait(
        pending: *mut shmbus_pending_t,
        reply: *mut *mut shmbus_reply_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_pending_cancel(pending: *mut shmbus_pending_t);
    pub fn shmbus_pending_drop(pending: *mut shmbus_pending_t);
    pub fn shmbus_reply_data(reply: *const shmbus_reply_t, size: *mut usize) -> *const c_void;
    pub fn shmbus_reply_drop(reply: *mut shmbus_reply_t);
    pub fn shmbus_publisher_new(
        bus: *mut shmbus_bus_t,
        name: *const c_char,
        options: *const shmbus_publisher_options_t,
        publisher: *mut *mut shmbus_publisher_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_publisher_free(publisher: *mut shmbus_publisher_t);
    pub fn shmbus_publish(
        publisher: *mut shmbus_publisher_t,
        event: *const c_void,
        size: usize,
        timeout_ns: i64,
        sequence: *mut u64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_publisher_loan(
        publisher: *mut shmbus_publisher_t,
        size: usize,
        timeout_ns: i64,
        data: *mut *mut c_void,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_publisher_commit(
        publisher: *mut shmbus_publisher_t,
        size: usize,
        sequence: *mut u64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_subscriber_new(
        bus: *mut shmbus_bus_t,
        name: *const c_char,
        options: *const shmbus_subscriber_options_t,
        subscriber: *mut *mut shmbus_subscriber_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_subscriber_free(subscriber: *mut shmbus_subscriber_t);
    pub fn shmbus_subscriber_next(
        subscriber: *mut shmbus_subscriber_t,
        timeout_ns: i64,
        event: *mut shmbus_event_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_subscriber_release(subscriber: *mut shmbus_subscriber_t);
    pub fn shmbus_subscriber_ready(subscriber: *mut shmbus_subscriber_t) -> c_int;
    pub fn shmbus_subscriber_missed(subscriber: *const shmbus_subscriber_t) -> u64;
    pub fn shmbus_subscriber_fd(
        subscriber: *mut shmbus_subscriber_t,
        fd: *mut c_int,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_subscriber_poll(
        subscriber: *mut shmbus_subscriber_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_set_policy(
        bus: *mut shmbus_bus_t,
        name: *const c_char,
        policy: *const shmbus_policy_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_get_policy(
        bus: *mut shmbus_bus_t,
        name: *const c_char,
        policy: *mut shmbus_policy_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_policy_status(
        bus: *mut shmbus_bus_t,
        name: *const c_char,
        status: *mut shmbus_policy_status_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_new(
        bus: *mut shmbus_bus_t,
        options: *const shmbus_serve_options_t,
        server: *mut *mut shmbus_server_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_free(server: *mut shmbus_server_t);
    pub fn shmbus_server_on(
        server: *mut shmbus_server_t,
        name: *const c_char,
        handler: *const shmbus_handler_t,
        options: *const shmbus_registration_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_off(
        server: *mut shmbus_server_t,
        name: *const c_char,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_replace(
        server: *mut shmbus_server_t,
        name: *const c_char,
        handler: *const shmbus_handler_t,
        schema: *const c_char,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_poll(
        server: *mut shmbus_server_t,
        budget: usize,
        ran: *mut usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_run_for(
        server: *mut shmbus_server_t,
        timeout_ns: i64,
        ran: *mut usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_run(server: *mut shmbus_server_t, error: *mut shmbus_error_t) -> c_int;
    pub fn shmbus_server_stop(server: *mut shmbus_server_t);
    pub fn shmbus_server_stop_on_signals(
        server: *mut shmbus_server_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_fd(
        server: *mut shmbus_server_t,
        fd: *mut c_int,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_post(
        server: *mut shmbus_server_t,
        task: *const shmbus_task_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_take_over(
        server: *mut shmbus_server_t,
        timeout_ns: i64,
        if_unresponsive: i32,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_stand_by(
        server: *mut shmbus_server_t,
        timeout_ns: i64,
        taken: *mut c_int,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_server_replaced(server: *const shmbus_server_t) -> c_int;
    pub fn shmbus_server_draining(server: *const shmbus_server_t) -> c_int;
    pub fn shmbus_context_request(
        command: *const shmbus_context_t,
        size: *mut usize,
    ) -> *const c_void;
    pub fn shmbus_context_name(command: *const shmbus_context_t, size: *mut usize) -> *const c_char;
    pub fn shmbus_context_one_way(command: *const shmbus_context_t) -> c_int;
    pub fn shmbus_context_reply_capacity(command: *const shmbus_context_t) -> usize;
    pub fn shmbus_context_reply_buffer(command: *mut shmbus_context_t, size: usize) -> *mut c_void;
    pub fn shmbus_context_reply(
        command: *mut shmbus_context_t,
        bytes: *const c_void,
        size: usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_context_reject(command: *mut shmbus_context_t, code: i32, text: *const c_char);
    pub fn shmbus_context_reject_because(
        command: *mut shmbus_context_t,
        code: i32,
        text: *const c_char,
        failed: *const shmbus_error_t,
        name: *const c_char,
    );
    pub fn shmbus_context_refuse(
        command: *mut shmbus_context_t,
        kind: i32,
        code: i32,
        text: *const c_char,
    );
    pub fn shmbus_context_remaining_ns(command: *const shmbus_context_t) -> i64;
    pub fn shmbus_context_cancelled(command: *const shmbus_context_t) -> c_int;
    pub fn shmbus_context_caller_gone(command: *const shmbus_context_t) -> c_int;
    pub fn shmbus_context_attempt(command: *const shmbus_context_t) -> u32;
    pub fn shmbus_context_queued(command: *const shmbus_context_t) -> u32;
    pub fn shmbus_context_traceparent(command: *const shmbus_context_t, text: *mut c_char) -> c_int;
    pub fn shmbus_context_caller(command: *const shmbus_context_t, info: *mut shmbus_caller_info_t);
    pub fn shmbus_context_defer(command: *mut shmbus_context_t) -> *mut shmbus_responder_t;
    pub fn shmbus_responder_buffer(responder: *mut shmbus_responder_t, size: usize) -> *mut c_void;
    pub fn shmbus_responder_reply_buffer(
        responder: *mut shmbus_responder_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_responder_reply(
        responder: *mut shmbus_responder_t,
        bytes: *const c_void,
        size: usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_responder_reject(
        responder: *mut shmbus_responder_t,
        code: i32,
        text: *const c_char,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_responder_reject_because(
        responder: *mut shmbus_responder_t,
        code: i32,
        text: *const c_char,
        failed: *const shmbus_error_t,
        name: *const c_char,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_responder_drop(responder: *mut shmbus_responder_t);
    pub fn shmbus_responder_cancelled(responder: *const shmbus_responder_t) -> c_int;
    pub fn shmbus_caller_open(
        caller: *mut shmbus_caller_t,
        request: *const c_void,
        request_size: usize,
        options: *const shmbus_stream_options_t,
        stream: *mut *mut shmbus_stream_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_stream_free(stream: *mut shmbus_stream_t);
    pub fn shmbus_stream_next(
        stream: *mut shmbus_stream_t,
        timeout_ns: i64,
        record: *mut *const c_void,
        size: *mut usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_stream_ready(stream: *mut shmbus_stream_t) -> c_int;
    pub fn shmbus_stream_put(
        stream: *mut shmbus_stream_t,
        record: *const c_void,
        size: usize,
        timeout_ns: i64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_stream_loan(
        stream: *mut shmbus_stream_t,
        size: usize,
        timeout_ns: i64,
        data: *mut *mut c_void,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_stream_commit(
        stream: *mut shmbus_stream_t,
        size: usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_stream_close(stream: *mut shmbus_stream_t, error: *mut shmbus_error_t) -> c_int;
    pub fn shmbus_stream_end(stream: *mut shmbus_stream_t, error: *mut shmbus_error_t) -> c_int;
    pub fn shmbus_stream_finish(
        stream: *mut shmbus_stream_t,
        reply: *mut *mut shmbus_reply_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_stream_cancel(stream: *mut shmbus_stream_t);
    pub fn shmbus_context_writer(
        command: *mut shmbus_context_t,
        writer: *mut *mut shmbus_writer_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_context_reader(
        command: *mut shmbus_context_t,
        reader: *mut *mut shmbus_reader_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_responder_writer(
        responder: *mut shmbus_responder_t,
        writer: *mut *mut shmbus_writer_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_responder_reader(
        responder: *mut shmbus_responder_t,
        reader: *mut *mut shmbus_reader_t,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_writer_put(
        writer: *mut shmbus_writer_t,
        record: *const c_void,
        size: usize,
        timeout_ns: i64,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_writer_loan(
        writer: *mut shmbus_writer_t,
        size: usize,
        timeout_ns: i64,
        data: *mut *mut c_void,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_writer_commit(
        writer: *mut shmbus_writer_t,
        size: usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_writer_free(writer: *mut shmbus_writer_t);
    pub fn shmbus_reader_next(
        reader: *mut shmbus_reader_t,
        timeout_ns: i64,
        record: *mut *const c_void,
        size: *mut usize,
        error: *mut shmbus_error_t,
    ) -> c_int;
    pub fn shmbus_reader_ready(reader: *mut shmbus_reader_t) -> c_int;
    pub fn shmbus_reader_free(reader: *mut shmbus_reader_t);
}

/// Sizes, for the test that compares them with the list of the library.
#[doc(hidden)]
pub const SIZES: &[(&str, usize)] = &[
    ("shmbus_cause_t", std::mem::size_of::<shmbus_cause_t>()),
    ("shmbus_error_t", std::mem::size_of::<shmbus_error_t>()),
    ("shmbus_open_options_t", std::mem::size_of::<shmbus_open_options_t>()),
    ("shmbus_name_change_t", std::mem::size_of::<shmbus_name_change_t>()),
    ("shmbus_caller_options_t", std::mem::size_of::<shmbus_caller_options_t>()),
    ("shmbus_lost_t", std::mem::size_of::<shmbus_lost_t>()),
    ("shmbus_publisher_options_t", std::mem::size_of::<shmbus_publisher_options_t>()),
    ("shmbus_subscriber_options_t", std::mem::size_of::<shmbus_subscriber_options_t>()),
    ("shmbus_event_t", std::mem::size_of::<shmbus_event_t>()),
    ("shmbus_policy_t", std::mem::size_of::<shmbus_policy_t>()),
    ("shmbus_policy_status_t", std::mem::size_of::<shmbus_policy_status_t>()),
    ("shmbus_serve_options_t", std::mem::size_of::<shmbus_serve_options_t>()),
    ("shmbus_handler_t", std::mem::size_of::<shmbus_handler_t>()),
    ("shmbus_registration_t", std::mem::size_of::<shmbus_registration_t>()),
    ("shmbus_task_t", std::mem::size_of::<shmbus_task_t>()),
    ("shmbus_caller_info_t", std::mem::size_of::<shmbus_caller_info_t>()),
    ("shmbus_stream_options_t", std::mem::size_of::<shmbus_stream_options_t>()),
];
