//! The handler's side: registers names, runs their handlers.
use crate::bus::c_text;
use crate::context::{panic_text, refusal, Context, RawCommand, Reject, Responder};
use crate::error::{attempt, Result};
use crate::future::Serving;
use crate::schema::schema_text;
use crate::tail::{Finished, Received};
use crate::timeout::Timeout;
use crate::value::Value;
use crate::{Bus, Command};
use shmbus_sys as sys;
use std::ffi::c_void;
use std::os::unix::io::RawFd;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// How a server waits and shows itself.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    label: Option<String>,
    wait: i32,
    global_order: bool,
    hot_lanes: u32,
    stands_by: bool,
}

impl ServeOptions {
    /// Waits adaptively; commands of one caller run in their order.
    pub fn new() -> ServeOptions {
        ServeOptions::default()
    }
    /// Shown as the owner of the names, otherwise that of the bus.
    pub fn label(mut self, label: &str) -> ServeOptions {
        self.label = Some(label.to_owned());
        self
    }
    /// Never sleep: the lowest latency, one core busy.
    pub fn spin(mut self) -> ServeOptions {
        self.wait = sys::SHMBUS_WAIT_SPINNING;
        self
    }
    /// Sleep at once.
    pub fn block(mut self) -> ServeOptions {
        self.wait = sys::SHMBUS_WAIT_BLOCKING;
        self
    }
    /// Commands of all callers run in one order.
    pub fn global_order(mut self) -> ServeOptions {
        self.global_order = true;
        self
    }
    /// Lanes polled directly while busy, otherwise 8.
    pub fn hot_lanes(mut self, lanes: u32) -> ServeOptions {
        self.hot_lanes = lanes;
        self
    }
    /// No name leads here until `take_over` or `stand_by`.
    pub fn stand_by(mut self) -> ServeOptions {
        self.stands_by = true;
        self
    }
}

/// Whether others may have a name, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It is this server's alone.
    Exclusive = sys::SHMBUS_SHARING_EXCLUSIVE as isize,
    /// Commands are spread over a group of servers.
    Group = sys::SHMBUS_SHARING_GROUP as isize,
    /// On trial beside the name's owner.
    Canary = sys::SHMBUS_SHARING_CANARY as isize,
}

/// What a server that is in the way gets when it does not give way in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfUnresponsive {
    /// Nothing: it goes on as before.
    Fail = sys::SHMBUS_IF_UNRESPONSIVE_FAIL as isize,
    /// SIGKILL.
    Kill = sys::SHMBUS_IF_UNRESPONSIVE_KILL as isize,
}

/// What `Remote`s and the future of `serve` share with the server.
pub(crate) struct Shared {
    /// Null when the server is gone.
    handle: Mutex<*mut sys::shmbus_server_t>,
    pub(crate) stopped: AtomicBool,
    pub(crate) serving: Mutex<Option<Waker>>,
}

// The handle is only stopped, by any thread, under the lock.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

/// Runs handlers. One thread at a time uses it: `Send`, and all takes `&mut self`.
pub struct Server {
    handle: *mut sys::shmbus_server_t,
    sharing: Sharing,
    pub(crate) shared: Arc<Shared>,
}

// Handlers are Send, and all of it takes &mut self.
unsafe impl Send for Server {}

/// Stops a server from any thread.
#[derive(Clone)]
pub struct Remote(Arc<Shared>);

impl Remote {
    /// Lets `run` and `serve` return, now and whenever they are called again.
    pub fn stop(&self) {
        let handle = self.0.handle.lock().unwrap_or_else(PoisonError::into_inner);
        unsafe { sys::shmbus_server_stop(*handle) };
        drop(handle);
        self.0.stopped.store(true, Ordering::Release);
        let serving = self.0.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
        serving.into_iter().for_each(Waker::wake);
    }
}

impl Server {
    pub(crate) fn new(bus: &Bus, given: ServeOptions) -> Result<Server> {
        let label = given.label.as_deref().map(c_text).transpose()?;
        let options = sys::shmbus_serve_options_t {
            size: std::mem::size_of::<sys::shmbus_serve_options_t>(),
            label: label.as_ref().map_or(null(), |one| one.as_ptr()),
            wait: given.wait,
            order: given.global_order as i32,
            hot_lanes: given.hot_lanes,
            stand_by: given.stands_by as i32,
        };
        let mut handle = null_mut();
        attempt(|error| unsafe {
            sys::shmbus_server_new(bus.raw(), &options, &mut handle, error)
        })?;
        let shared = Arc::new(Shared {
            handle: Mutex::new(handle),
            stopped: AtomicBool::new(false),
            serving: Mutex::new(None),
        });
        Ok(Server { handle, sharing: Sharing::Exclusive, shared })
    }

    /// Whether the names that are registered from now on may have other servers, too.
    pub fn sharing(&mut self, sharing: Sharing) -> &mut Server {
        self.sharing = sharing;
        self
    }

    /// Registers a handler that answers at once. It gets a checked copy of the request. A panic of
    /// it is a rejection with code -1.
    #[rustfmt::skip] // it would make a line of more than 100 columns
    pub fn on<C: Command>(
        &mut self,
        mut handler: impl FnMut(&C::Request, &Context<'_>) -> Result<C::Reply, Reject>
            + Send
            + 'static,
    ) -> Result<()> {
        let () = Fixed::<C>::BOTH;
        self.on_raw(C::NAME, Some(&schema_text::<C>()), move |mut command| {
            let request = command.read::<C::Request>()?;
            let reply = handler(&request, &command)?;
            command.write(&reply);
            Ok(())
        })
    }

    /// Registers a handler that answers later, from any thread.
    pub fn on_deferred<C: Command>(
        &mut self,
        mut handler: impl FnMut(&C::Request, Responder<C::Reply>) + Send + 'static,
    ) -> Result<()> {
        let () = Fixed::<C>::BOTH;
        self.on_raw(C::NAME, Some(&schema_text::<C>()), move |command| {
            let request = command.read::<C::Request>()?;
            let raw = command.defer().ok_or_else(|| Reject::new(-1, "out of memory"))?;
            handler(&request, Responder::new(raw));
            Ok(())
        })
    }

    /// Registers a handler of types that have `Text` or `Seq` in them.
    #[rustfmt::skip] // it would make a line of more than 100 columns
    pub fn on_message<C: Command>(
        &mut self,
        mut handler: impl FnMut(
                &Received<C::Request>,
                &Context<'_>,
            ) -> Result<Finished<C::Reply>, Reject>
            + Send
            + 'static,
    ) -> Result<()> {
        self.on_raw(C::NAME, Some(&schema_text::<C>()), move |command| {
            let request = Received::new(command.request(), "request");
            let reply = handler(&request.map_err(|error| refusal(&error))?, &command)?;
            if !command.is_one_way() {
                // Where the caller made less room it gets TooLarge.
                let _ = command.reply(&reply.bytes);
            }
            Ok(())
        })
    }

    /// Registers a handler of bytes. Requests of a name with a schema may be shorter or longer than
    /// its type, as optional members allow. `AlreadyRegistered`: another server has the name.
    pub fn on_raw(
        &mut self,
        name: &str,
        schema: Option<&str>,
        handler: impl FnMut(RawCommand<'_>) -> Result<(), Reject> + Send + 'static,
    ) -> Result<()> {
        let (name, schema) = (c_text(name)?, schema.map(c_text).transpose()?);
        let options = sys::shmbus_registration_t {
            size: std::mem::size_of::<sys::shmbus_registration_t>(),
            sharing: self.sharing as i32,
            reserved: 0,
            schema: schema.as_ref().map_or(null(), |one| one.as_ptr()),
        };
        let handler = closure(handler);
        attempt(|error| unsafe {
            sys::shmbus_server_on(self.handle, name.as_ptr(), &handler, &options, error)
        })
    }

    /// Gives a name up; callers of commands that were not started get `NotRegistered`.
    pub fn off(&mut self, name: &str) -> Result<()> {
        let name = c_text(name)?;
        attempt(|error| unsafe { sys::shmbus_server_off(self.handle, name.as_ptr(), error) })
    }

    /// Runs commands until `Remote::stop`, a signal, or until another server has taken over
    /// everything. Commands committed before are run.
    pub fn run(&mut self) -> Result<()> {
        attempt(|error| unsafe { sys::shmbus_server_run(self.handle, error) })
    }
    /// Runs the commands that are ready or arrive within the time; returns how many.
    pub fn run_for(&mut self, timeout: impl Into<Timeout>) -> Result<usize> {
        let (ns, mut ran) = (timeout.into().ns(), 0);
        attempt(|error| unsafe { sys::shmbus_server_run_for(self.handle, ns, &mut ran, error) })?;
        Ok(ran)
    }
    /// Runs the commands that are ready, at most `budget` (0: 256). Never blocks.
    pub fn poll(&mut self, budget: usize) -> Result<usize> {
        let mut ran = 0;
        attempt(|error| unsafe { sys::shmbus_server_poll(self.handle, budget, &mut ran, error) })?;
        Ok(ran)
    }
    /// Readable when `poll` has something to do: poll until it runs nothing. It stays the
    /// library's.
    pub fn fd(&mut self) -> Result<RawFd> {
        let mut fd = -1;
        attempt(|error| unsafe { sys::shmbus_server_fd(self.handle, &mut fd, error) })?;
        Ok(fd)
    }
    /// Runs commands in the executor that awaits this, until `Remote::stop`.
    pub fn serve(&mut self) -> Serving<'_> {
        Serving::new(self)
    }
    /// SIGTERM and SIGINT stop the server. Starts a thread.
    pub fn stop_on_signals(&mut self) -> Result<()> {
        attempt(|error| unsafe { sys::shmbus_server_stop_on_signals(self.handle, error) })
    }
    /// Stops this server from any thread.
    pub fn remote(&self) -> Remote {
        Remote(self.shared.clone())
    }

    /// For a server that stands by: takes its names from the server that has them, while that runs.
    pub fn take_over(
        &mut self,
        timeout: impl Into<Timeout>,
        if_unresponsive: IfUnresponsive,
    ) -> Result<()> {
        let ns = timeout.into().ns();
        attempt(|error| unsafe {
            sys::shmbus_server_take_over(self.handle, ns, if_unresponsive as i32, error)
        })
    }
    /// For a server that stands by: waits until nobody serves its names, then takes them. False
    /// when the time is over first.
    pub fn stand_by(&mut self, timeout: impl Into<Timeout>) -> Result<bool> {
        let (ns, mut taken) = (timeout.into().ns(), 0);
        attempt(|error| unsafe {
            sys::shmbus_server_stand_by(self.handle, ns, &mut taken, error)
        })?;
        Ok(taken != 0)
    }
    /// Another server has taken over all names that this one had.
    pub fn is_replaced(&self) -> bool {
        unsafe { sys::shmbus_server_replaced(self.handle) != 0 }
    }
    /// It was replaced, and some of its responders have yet to answer.
    pub fn is_draining(&self) -> bool {
        unsafe { sys::shmbus_server_draining(self.handle) != 0 }
    }
}

impl Drop for Server {
    /// Gives its names up; callers of commands that were not started get `NotRegistered`.
    fn drop(&mut self) {
        *self.shared.handle.lock().unwrap_or_else(PoisonError::into_inner) = null_mut();
        unsafe { sys::shmbus_server_free(self.handle) };
    }
}

/// Types that do not need their message.
struct Fixed<C>(C);

impl<C: Command> Fixed<C> {
    const BOTH: () = assert!(
        !<C::Request as Value>::TAIL && !<C::Reply as Value>::TAIL,
        "Text and Seq lie behind their struct: register such commands by on_message()"
    );
}

fn closure<F>(handler: F) -> sys::shmbus_handler_t
where
    F: FnMut(RawCommand<'_>) -> Result<(), Reject> + Send + 'static,
{
    let context = Box::into_raw(Box::new(handler)).cast();
    sys::shmbus_handler_t { context, call: Some(call::<F>), drop: Some(end::<F>) }
}

unsafe extern "C" fn call<F>(context: *mut c_void, command: *mut sys::shmbus_context_t)
where
    F: FnMut(RawCommand<'_>) -> Result<(), Reject> + Send + 'static,
{
    // A server runs one command at a time, and no command inside another.
    let handler = &mut *context.cast::<F>();
    match catch_unwind(AssertUnwindSafe(|| handler(RawCommand::new(command)))) {
        Ok(Ok(())) => {}
        Ok(Err(why)) => why.answer(command),
        Err(payload) => Reject::new(-1, panic_text(&*payload)).answer(command),
    }
}

unsafe extern "C" fn end<F>(context: *mut c_void) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(Box::from_raw(context.cast::<F>()))));
}
