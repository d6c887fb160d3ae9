//! Opening a bus; names that come and go.
use crate::error::{attempt, text_of, Error, ErrorKind, Result};
use crate::timeout::Timeout;
use crate::{Caller, CallerOptions, Command, RawCaller, ServeOptions, Server};
use shmbus_sys as sys;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::unix::io::RawFd;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::time::Duration;

/// Text for C.
pub(crate) fn c_text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| {
        Error::new(ErrorKind::InvalidArgument, format!("{text:?} has a 0 in it: take that out"))
    })
}

pub(crate) struct Opened(pub(crate) *mut sys::shmbus_bus_t);

// A bus may be shared by threads.
unsafe impl Send for Opened {}
unsafe impl Sync for Opened {}

impl Drop for Opened {
    fn drop(&mut self) {
        unsafe { sys::shmbus_close(self.0) };
    }
}

/// An opened bus. Clones share it; any thread may use it. The process leaves the bus when all of
/// them, and what was made from them, are gone. A forked child opens the bus again.
#[derive(Clone)]
pub struct Bus(pub(crate) Arc<Opened>);

/// How to open a bus. All but `label` and `create` is read when the bus is created.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    label: Option<String>,
    raw: Raw,
}

#[derive(Clone, Debug, Default)]
struct Raw {
    flags: u32,
    mode: u32,
    timeout_ns: i64,
    group: i64,
    capacities: Capacities,
}

/// Capacities of a bus that is created; 0 stands for the number in brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacities {
    /// Open buses in all processes (128).
    pub participants: u32,
    /// Distinct names in its lifetime (256).
    pub names: u32,
    /// Servers at one time (64).
    pub endpoints: u32,
    /// Pairs of caller thread and server (256).
    pub lanes: u32,
    /// Commands of one lane under way; a power of two (64).
    pub cells_per_lane: u32,
    /// Tickets of one server; a power of two (512).
    pub inbox_slots: u32,
    /// Pieces of payload memory (44).
    pub extents: u32,
    /// Size of one; a power of two (65536).
    pub extent_bytes: u32,
}

impl OpenOptions {
    /// Those of `Bus::open`.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }
    /// Shown by `shmbus ps`; otherwise it is the name of the program.
    pub fn label(mut self, label: &str) -> OpenOptions {
        self.label = Some(label.to_owned());
        self
    }
    /// False: fail when there is no such bus.
    pub fn create(mut self, create: bool) -> OpenOptions {
        let flag = sys::SHMBUS_OPEN_NO_CREATE as u32;
        self.raw.flags = if create { self.raw.flags & !flag } else { self.raw.flags | flag };
        self
    }
    /// Permissions of a new segment, otherwise 0600.
    pub fn mode(mut self, mode: u32) -> OpenOptions {
        self.raw.mode = mode;
        self
    }
    /// Group of a new segment.
    pub fn group(mut self, gid: u32) -> OpenOptions {
        self.raw.flags |= sys::SHMBUS_OPEN_SET_GROUP as u32;
        self.raw.group = gid.into();
        self
    }
    /// What `Timeout::DEFAULT` is to stand for, otherwise 5 s.
    pub fn default_timeout(mut self, timeout: Duration) -> OpenOptions {
        self.raw.timeout_ns = Timeout::from(timeout).ns();
        self
    }
    /// How much a new segment holds.
    pub fn capacities(mut self, capacities: Capacities) -> OpenOptions {
        self.raw.capacities = capacities;
        self
    }

    /// Opens the bus of that name (/dev/shm/shmbus.NAME), or of that path if it holds a '/'.
    /// Creates it when there is none. `BusUnusable`: it cannot be opened or has another layout.
    pub fn open(&self, name: &str) -> Result<Bus> {
        let name = c_text(name)?;
        let label = self.label.as_deref().map(c_text).transpose()?;
        // Numbers and pointers: 0 is the default of all.
        let mut options: sys::shmbus_open_options_t =
            unsafe { MaybeUninit::zeroed().assume_init() };
        options.size = std::mem::size_of_val(&options);
        options.label = label.as_ref().map_or(null(), |one| one.as_ptr());
        options.flags = self.raw.flags;
        options.mode = self.raw.mode;
        options.default_timeout_ns = self.raw.timeout_ns;
        options.group = self.raw.group;
        let capacities = &self.raw.capacities;
        options.participants = capacities.participants;
        options.names = capacities.names;
        options.endpoints = capacities.endpoints;
        options.lanes = capacities.lanes;
        options.cells_per_lane = capacities.cells_per_lane;
        options.inbox_slots = capacities.inbox_slots;
        options.extents = capacities.extents;
        options.extent_bytes = capacities.extent_bytes;
        let mut bus = null_mut();
        attempt(|error| unsafe { sys::shmbus_open(name.as_ptr(), &options, &mut bus, error) })?;
        Ok(Bus(Arc::new(Opened(bus))))
    }
}

/// A name came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameChange {
    /// Of the command.
    pub name: String,
    /// Label of its process; empty when nobody has it.
    pub owner: String,
    /// As that process sees itself.
    pub pid: u32,
    /// A live handler has it now.
    pub available: bool,
    /// From another, without a gap.
    pub taken_over: bool,
}

impl Bus {
    /// Opens a bus with the defaults: `OpenOptions::open`.
    pub fn open(name: &str) -> Result<Bus> {
        OpenOptions::new().open(name)
    }
    /// Where the segment lies.
    pub fn path(&self) -> &Path {
        use std::os::unix::ffi::OsStrExt;
        let text = unsafe { CStr::from_ptr(sys::shmbus_path(self.raw())) };
        Path::new(std::ffi::OsStr::from_bytes(text.to_bytes()))
    }
    /// Returns once a live handler has the name. `TimedOut`.
    pub fn wait_until_available(&self, name: &str, timeout: impl Into<Timeout>) -> Result<()> {
        let (name, ns) = (c_text(name)?, timeout.into().ns());
        attempt(|error| unsafe {
            sys::shmbus_wait_until_available(self.raw(), name.as_ptr(), ns, error)
        })
    }
    /// What the present or last owner of a name registered: "request->reply"; empty for bytes.
    pub fn schema(&self, name: &str) -> Result<String> {
        let name = c_text(name)?;
        let mut text = vec![0u8; 512];
        loop {
            let mut length = 0;
            let (room, at) = (text.len(), text.as_mut_ptr().cast());
            let found = attempt(|error| unsafe {
                sys::shmbus_schema(self.raw(), name.as_ptr(), at, room, &mut length, error)
            });
            match found {
                Ok(()) => {
                    text.truncate(length);
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
                Err(error) if error.needed() as usize > room => {
                    text.resize(error.needed() as usize, 0);
                }
                Err(error) => return Err(error),
            }
        }
    }
    /// Watches names; all of the bus when there are none in the list.
    pub fn watch(&self, names: &[&str]) -> Result<Watch> {
        let names = names.iter().map(|one| c_text(one)).collect::<Result<Vec<_>>>()?;
        let list: Vec<_> = names.iter().map(|one| one.as_ptr()).collect();
        let mut watch = null_mut();
        attempt(|error| unsafe {
            sys::shmbus_watch_new(self.raw(), list.as_ptr(), list.len(), &mut watch, error)
        })?;
        Ok(Watch { handle: watch, _bus: self.clone() })
    }
    /// A caller of a command. `TypeMismatch`: the owner of its name has other types.
    pub fn caller<C: Command>(&self) -> Result<Caller<C>> {
        self.caller_with(CallerOptions::new())
    }
    /// The same with options.
    pub fn caller_with<C: Command>(&self, options: CallerOptions) -> Result<Caller<C>> {
        Caller::new(self, options)
    }
    /// A caller of a name that sends bytes. `schema`, "request->reply", is compared if it is given.
    pub fn raw_caller(
        &self,
        name: &str,
        schema: Option<&str>,
        options: CallerOptions,
    ) -> Result<RawCaller> {
        RawCaller::new(self, name, schema, options)
    }
    /// A server without names yet.
    pub fn server(&self) -> Result<Server> {
        self.server_with(ServeOptions::new())
    }
    /// The same with options.
    pub fn server_with(&self, options: ServeOptions) -> Result<Server> {
        Server::new(self, options)
    }
    pub(crate) fn raw(&self) -> *mut sys::shmbus_bus_t {
        self.0 .0
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Bus").field(&self.path()).finish()
    }
}

/// Reports names that come and go; one thread at a time uses it.
pub struct Watch {
    handle: *mut sys::shmbus_watch_t,
    _bus: Bus,
}

// One thread at a time: &mut self everywhere.
unsafe impl Send for Watch {}

impl Watch {
    /// Changes since the last poll; the first time, the present state. Never blocks.
    pub fn poll(&mut self) -> Result<Vec<NameChange>> {
        let mut found = Vec::new();
        loop {
            let mut some: [sys::shmbus_name_change_t; 16] =
                unsafe { MaybeUninit::zeroed().assume_init() };
            let mut count = 0;
            attempt(|error| unsafe {
                let (at, room) = (some.as_mut_ptr(), some.len());
                sys::shmbus_watch_poll(self.handle, at, room, &mut count, error)
            })?;
            found.extend(some[..count.min(some.len())].iter().map(|one| NameChange {
                name: text_of(&one.name),
                owner: text_of(&one.owner),
                pid: one.pid,
                available: one.available != 0,
                taken_over: one.taken_over != 0,
            }));
            if count < some.len() {
                return Ok(found);
            }
        }
    }
    /// True once `poll` has something to report; false when the time is over first.
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<bool> {
        let (ns, mut changed) = (timeout.into().ns(), 0);
        attempt(|error| unsafe { sys::shmbus_watch_wait(self.handle, ns, &mut changed, error) })?;
        Ok(changed != 0)
    }
    /// Readable when `poll` may have something to report. It stays the library's.
    pub fn fd(&mut self) -> Result<RawFd> {
        let mut fd = -1;
        attempt(|error| unsafe { sys::shmbus_watch_fd(self.handle, &mut fd, error) })?;
        Ok(fd)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        unsafe { sys::shmbus_watch_free(self.handle) };
    }
}
