"""shmbus: a command bus in shared memory for processes on one Linux machine.

    bus = shmbus.Bus("hello")

    @bus.command("greet")                      # serve it ...
    def greet(person: Person) -> Str[64]:
        return f"hello, {person.name}"
    bus.serve()

    greet = bus.caller("greet", Person, Str[64])    # ... and call it, from any process
    print(greet(Person("world"), timeout=2))

Times are in seconds; None: the bus's default (5 s). Errors: one class for each kind, see errors.py.
Threads: a Bus and a Caller may be used by any thread (each thread gets a lane of its own); loans,
pending calls and replies belong to the thread that made them. Waits release the interpreter's lock
and end with Ctrl-C. After fork() everything raises Forked: open the bus again in the child.
"""
from __future__ import annotations

from ._bus import Bus, Caller, Command, Loan, NameChange, Pending, Server
from ._native import version as __version__
from .errors import *  # noqa: F403
from .errors import Cause, Error, Reject
from .types import (Arr, Email, Raw, Seq, Str, Text, Type, Vec, f32, f64, i8, i16, i32, i64, type_of, u8,
                    u16, u32, u64)

__all__ = ["Arr", "Bus", "Caller", "Cause", "Command", "Email", "Error", "Loan", "NameChange", "Pending",
           "Raw", "Reject", "Seq", "Server", "Str", "Text", "Type", "Vec", "__version__", "f32", "f64",
           "i8", "i16", "i32", "i64", "type_of", "u8", "u16", "u32", "u64"]
