"""shmbus: a command bus in shared memory for processes on one Linux machine.

    bus = shmbus.Bus("hello")

    @bus.command("greet")                      # serve it ...
    def greet(person: Person) -> Str[64]:
        return f"hello, {person.name}"
    bus.serve()

    greet = bus.caller("greet", Person, Str[64])    # ... and call it, from any process
    print(greet(Person("world"), timeout=2))

    Price = shmbus.Event("price.changed", Tick)     # ... and tell any number of processes
    bus.publisher(Price).publish(Tick(7, 10150))
    for tick in bus.subscribe(Price):
        print(tick.price)

Times are in seconds; None: the bus's default (5 s). Errors: one class for each kind, see errors.py.
Threads: a Bus and a Caller may be used by any thread (each thread gets a lane of its own); loans,
pending calls and replies belong to the thread that made them, and one thread at a time uses a
publisher or subscriber. Waits release the interpreter's lock
and end with Ctrl-C. After fork() everything raises Forked: open the bus again in the child.
"""
from __future__ import annotations

from ._bus import Bus, Caller, Loan, NameChange, Pending
from ._events import Event, From, Publisher, Subscriber, WhenSlow
from ._layout import Type
from ._native import version as __version__
from ._server import Command, Server
from ._streams import OpenStream, Reader, Records, Stream, Writer
from .errors import (Abandoned, AlreadyRegistered, BusUnusable, Cancelled, Cause, Corrupted, Error,
                     Forked, HandlerDiedAfterStart, HandlerDiedBeforeStart, InvalidArgument,
                     LimitReached, NotPermitted, NotRegistered, Overloaded, Reject, Rejected, StreamEnded,
                     TimedOut, TooLarge, TypeMismatch, WrongThread)
from .types import (Arr, Email, Exactly, Max, Raw, Seq, Str, Text, Vec, f32, f64, i8, i16, i32, i64, type_of,
                    u8, u16, u32, u64)

__all__ = ['Abandoned', 'AlreadyRegistered', 'Arr', 'Bus', 'BusUnusable', 'Caller', 'Cancelled',
           'Cause', 'Command', 'Corrupted', 'Email', 'Error', 'Event', 'Exactly', 'Forked',
           'From', 'HandlerDiedAfterStart', 'HandlerDiedBeforeStart', 'InvalidArgument',
           'LimitReached', 'Loan', 'Max', 'NameChange', 'NotPermitted', 'NotRegistered',
           'OpenStream', 'Overloaded', 'Pending', 'Publisher', 'Raw', 'Reader', 'Records',
           'Reject', 'Rejected', 'Seq', 'Server', 'Str', 'Stream', 'StreamEnded', 'Subscriber',
           'Text', 'TimedOut', 'TooLarge', 'Type', 'TypeMismatch', 'Vec', 'WhenSlow', 'Writer',
           'WrongThread', '__version__', 'f32', 'f64', 'i16', 'i32', 'i64', 'i8', 'type_of',
           'u16', 'u32', 'u64', 'u8']
