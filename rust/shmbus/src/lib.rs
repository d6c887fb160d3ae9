//! shmbus: commands between the processes of one Linux machine, through shared memory. A process
//! registers a name, any other calls it with plain values, and gets the reply or an error that says
//! what happened. The same bus as that of C++, C, Python and other languages.
//!
//!     use shmbus::{command, Bus, Str};
//!     use std::time::Duration;
//!
//!     command! { Greet = "greet": Str<32> => Str<64>; }
//!
//!     # fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     # let name = format!("doc-{}", std::process::id());
//!     let bus = Bus::open(&name)?;
//!     let mut server = bus.server()?;
//!     server.on::<Greet>(|name, _| Ok(Str::try_from(&*format!("hello, {name}"))?))?;
//!     let stop = server.remote();
//!     let serving = std::thread::spawn(move || server.run());
//!
//!     let greeting = bus.caller::<Greet>()?.call(&"Ada".try_into()?, Duration::from_secs(2))?;
//!     assert_eq!(greeting, "hello, Ada");
//!     stop.stop();
//!     serving.join().unwrap()?;
//!     # std::fs::remove_file(bus.path())?;
//!     # Ok(()) }
//!
//! `docs/rust.md` tells the rest: types, loans, answers that come later, async.
#![warn(missing_docs)]
#![allow(clippy::let_unit_value)] // constants that assert what a type has to be

mod bus;
mod caller;
mod caller_options;
mod context;
mod error;
mod event;
mod future;
mod handle;
mod held;
mod raw_caller;
mod raw_event;
mod reactor;
mod schema;
mod server;
mod stream;
mod tail;
mod timeout;
mod types;
mod value;

pub use bus::{Bus, Capacities, NameChange, OpenOptions, Watch};
pub use caller::{Caller, Loan, Pending};
pub use caller_options::{CallerOptions, OnCallerExit};
pub use context::{CallerInfo, Context, RawCommand, RawResponder, Reject, Responder};
pub use error::{Cause, Error, ErrorKind, Result};
pub use event::{EventLoan, Occurred, Publisher, Subscriber};
pub use future::{block_on, Calling, NextEvent, Serving};
pub use held::{RawLoan, RawPending, RawReply, Unsent};
pub use raw_caller::{Lost, RawCaller};
pub use raw_event::{
    PublisherOptions, RawEvent, RawEventLoan, RawPublisher, RawSubscriber, SubscriberOptions,
};
pub use schema::{Command, Event};
pub use server::{IfUnresponsive, Remote, ServeOptions, Server, Sharing};
pub use stream::{RawReader, RawStream, RawWriter, Records, StreamOptions};
pub use tail::{Finished, Message, Received, Seq, Text};
pub use timeout::Timeout;
pub use types::{Char, Email, Opt, Raw, Str, Timestamp, Uuid, Vector};
pub use value::{schema_of, Value};

#[doc(hidden)]
pub use schema::__plain;
#[doc(hidden)]
pub use value::{part, put, Part};

/// The release of the library that the program runs with.
pub fn version() -> &'static str {
    // Valid until the process ends.
    let text = unsafe { std::ffi::CStr::from_ptr(shmbus_sys::shmbus_version()) };
    text.to_str().unwrap_or_default()
}
