"""Bus and Caller: the caller's side and what both sides share, over the extension module."""
from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Executor
from typing import Any, NamedTuple, TypeVar

from . import _native
from ._events import Event, From, Publisher, Subscriber, WhenSlow
from ._layout import Type
from ._loop import Replies
from ._server import Server
from ._time import DEFAULT, FOREVER, nanoseconds
from ._streams import OpenStream, Records, side_of, text_of
from .errors import Error, NotRegistered, Overloaded, make_error

_native.set_error_maker(make_error)

_BYTES = object()  # stands for "no types": bytes go as they are
_ROOM = 65536
_SPINNING = 1
_Handler = TypeVar("_Handler", bound=Callable[..., Any])
_T = TypeVar("_T")


class NameChange(NamedTuple):
    name: str
    owner: str  #: label of its process; "" when nobody has it
    pid: int
    available: bool
    taken_over: bool


def _change(one: tuple[str, str, int, int, int]) -> NameChange:
    return NameChange(one[0], one[1], one[2], bool(one[3]), bool(one[4]))


def _view(of: Any) -> memoryview:  # of what has a buffer: checkers know that from Python 3.12 on
    return memoryview(of)


class Pending:
    """A call under way. Belongs to the thread that made it."""

    def __init__(self, native: _native.Pending, reply: Type | None) -> None:
        self._native, self._reply = native, reply

    def ready(self) -> bool:
        """result() would return at once."""
        return self._native.ready()

    def cancel(self) -> None:
        """Asks not to start the command, or to stop it; result() says which."""
        self._native.cancel()

    def view(self) -> memoryview:
        """Waits; the bytes of the reply where they lie. The view keeps their memory."""
        return _view(self._native.wait())

    def result(self) -> Any:
        """Waits; the reply, or its bytes when the caller has no types."""
        view = self.view()
        return bytes(view) if self._reply is None else self._reply.unpack(view)


class Loan:
    """Memory of the segment for one request, filled in place: memoryview(loan), numpy.frombuffer(loan).
    It can be sent once its views are released; before that, sending raises BufferError."""

    def __init__(self, native: _native.Loan, reply: Type | None) -> None:
        self._native, self._reply = native, reply

    def view(self) -> memoryview:
        return _view(self._native)

    def start(self, timeout: float | None = None) -> Pending:
        return Pending(self._native.start(nanoseconds(timeout)), self._reply)

    def call(self, timeout: float | None = None) -> Any:
        return self.start(timeout).result()

    def send(self, timeout: float | None = None) -> None:
        self._native.send(nanoseconds(timeout))

    def shrink(self, size: int) -> None:
        """Only the first `size` bytes will be sent."""
        self._native.shrink(size)


class _Mine(threading.local):
    """What each thread has of one Caller."""

    blocking: _native.Caller | None = None
    at_once: _native.Caller | None = None  # for asyncio: it waits for nothing
    replies: Replies | None = None


class Caller:
    """Calls one name. Any thread may use it: each gets a native caller of its own."""

    def __init__(self, bus: Bus, name: str, request: Any, reply: Any, wait: bool, room: int,
                 spin: bool) -> None:
        self._bus, self.name, self._wait, self._spin = bus, name, wait, spin
        typed = request is not _BYTES
        sides = (side_of(request), side_of(reply)) if typed else None
        self._schema = None if sides is None else f"{text_of(sides[0])}->{text_of(sides[1])}"
        self._request = None if sides is None else sides[0][0]
        self._reply = None if sides is None else sides[1][0]
        self._sends, self._reads = (False, False) if sides is None else (sides[0][1], sides[1][1])
        self._room = room if self._reply is None or self._reply.tail else max(self._reply.size, 104)
        self._mine = _Mine()
        _ = self._of_thread()  # raises TypeMismatch now, not with the first call

    def _make(self, wait: bool, at_once: bool) -> _native.Caller:
        return self._bus._native.caller(self.name, self._schema, wait, at_once, _SPINNING if self._spin else 0)

    def _of_thread(self) -> _native.Caller:
        mine = self._mine
        if mine.blocking is None:
            mine.blocking = self._make(self._wait, False)
        return mine.blocking

    def _message(self, request: Any) -> Any:
        if self._sends or self._reads:
            raise TypeError(f"'{self.name}' is a stream: open() it")
        if self._request is None:
            return b"" if request is None else request
        return self._request.pack(request)

    def __call__(self, request: Any = None, timeout: float | None = None) -> Any:
        """Sends `request` and waits for the reply."""
        reply = self._of_thread().call(self._message(request), self._room, nanoseconds(timeout))
        return reply if self._reply is None else self._reply.unpack(reply)

    call = __call__

    def start(self, request: Any = None, timeout: float | None = None) -> Pending:
        """Sends without waiting for the reply."""
        data = self._message(request)
        return Pending(self._of_thread().start(data, self._room, nanoseconds(timeout)), self._reply)

    def send(self, request: Any = None, timeout: float | None = None) -> int:
        """One-way: no reply. Returns the number of the command."""
        return self._of_thread().send(self._message(request), nanoseconds(timeout))

    def loan(self, size: int, room: int | None = None) -> Loan:
        """Memory for a request of `size` bytes, and room for the reply."""
        return Loan(self._of_thread().loan(size, self._room if room is None else room), self._reply)

    async def acall(self, request: Any = None, timeout: float | None = None) -> Any:
        """A call in asyncio: the loop of this thread goes on meanwhile, also while there is no handler
        (with `wait`) or no room. Cancelling the task cancels the command."""
        mine = self._mine
        if mine.at_once is None:
            mine.at_once = self._make(False, True)
        if mine.replies is None or mine.replies.loop is not asyncio.get_running_loop():
            mine.replies = Replies(mine.at_once, mine.at_once.poll)
        native, data = mine.at_once, self._message(request)
        pending = Pending(await self._soon(lambda limit: native.start(data, self._room, limit), timeout),
                          self._reply)
        try:
            if not pending.ready():
                await mine.replies.ready(pending.ready)
            return pending.result()
        except asyncio.CancelledError:
            pending.cancel()
            raise

    def _opening(self, request: Any, records: Records | None, window: int,
                 gap: float | None) -> Callable[[_native.Caller, int], OpenStream]:
        if self._request is not None:
            if not (self._sends or self._reads):
                raise TypeError(f"'{self.name}' is no stream: call it")
            way = Records.both if self._sends and self._reads else Records(int(self._sends))
        elif records is None:
            raise TypeError("a stream of bytes: say which way its `records` go")
        else:
            way = records
        sends, reads = way != Records.from_handler, way != Records.to_handler
        data = b"" if sends or request is None and self._request is None else request
        if not sends and self._request is not None:
            data = self._request.pack(request)

        def opened(native: _native.Caller, limit: int) -> OpenStream:
            stream = native.open(data, int(way), window, self._room, limit)
            return OpenStream(stream, native, self._request if sends else None,
                              self._reply if reads else None, None if reads else self._reply, way, gap)

        return opened

    def open(self, request: Any = None, *, records: Records | None = None, window: int = 0,
             timeout: float | None = None, gap: float | None = None) -> OpenStream:
        """Starts a call with records. `window`: bytes under way in one direction (0: 65280). `timeout`: of
        the whole stream. `gap`: how long to wait for a record, or for room. None: no limit."""
        opened = self._opening(request, records, window, gap)
        return opened(self._of_thread(), nanoseconds(timeout, FOREVER))

    async def aopen(self, request: Any = None, *, records: Records | None = None, window: int = 0,
                    timeout: float | None = None, gap: float | None = None) -> OpenStream:
        """open() in asyncio: the loop goes on while there is no handler, or no room."""
        opened = self._opening(request, records, window, gap)
        mine = self._mine
        if mine.at_once is None:
            mine.at_once = self._make(False, True)
        native = mine.at_once
        stream: OpenStream = await self._soon(lambda limit: opened(native, limit),
                                              float("inf") if timeout is None else timeout)
        return stream

    async def _soon(self, attempt: Callable[[int], Any], timeout: float | None) -> Any:
        limit = nanoseconds(timeout)
        until: float | None = None
        while True:
            try:
                return attempt(limit)
            except NotRegistered:
                if not self._wait:
                    raise
                error: Error | None = None
            except Overloaded as full:
                if full.retry_after or not full.code:
                    raise
                error = full
            if until is None:
                until = time.monotonic() + (5.0 if timeout is None else timeout)
            left = until - time.monotonic()
            if left <= 0:
                if error is not None:
                    raise error
                text = f"no handler came for '{self.name}' in time: it was not run; start one, or wait longer"
                raise make_error(NotRegistered.number, 0, 0, 0, 0, text, ())
            if limit not in (DEFAULT, FOREVER):
                limit = nanoseconds(left)
            await asyncio.sleep(min(left, 0.01 if error is None else 0.001))


class Bus:
    """An opened bus: /dev/shm/shmbus.NAME, or the file of that path. Any thread."""

    def __init__(self, name: str, *, label: str | None = None, create: bool = True) -> None:
        self._native = _native.open(name, label, create)
        self._server: Server | None = None

    @property
    def path(self) -> str:
        return self._native.path()

    def caller(self, name: str, request: Any = _BYTES, reply: Any = None, *, wait: bool = False,
               room: int = _ROOM, spin: bool = False) -> Caller:
        """Calls `name`: with annotations of its types, or, without, bytes. `wait`: calls wait for a
        handler until their deadline. `room`: bytes for replies whose size is not known. `spin`: waits
        never sleep, for the lowest latency."""
        return Caller(self, name, request, reply, wait, room, spin)

    def open(self, name: str, request: Any, reply: Any, value: Any = None, *, wait: bool = False,
             window: int = 0, timeout: float | None = None, gap: float | None = None) -> OpenStream:
        """caller(name, request, reply).open(value): one stream."""
        caller = self.caller(name, request, reply, wait=wait)
        return caller.open(value, window=window, timeout=timeout, gap=gap)

    def publisher(self, event: Event[_T], *, keep: int = 1, event_bytes: int = 0) -> Publisher[_T]:
        """Publishes `event`. `keep`: so many of its last events are left to subscribers that come late.
        `event_bytes`: room for one, where its type does not say that: Text, Seq, bytes (48)."""
        return Publisher(self._native.publisher(event.name, event.schema, keep, event_bytes), event)

    def subscribe(self, event: Event[_T], *, start: From = From.now, when_slow: WhenSlow = WhenSlow.skip,
                  timeout: float | None = None, spin: bool = False) -> Subscriber[_T]:
        """Reads `event`, of all publishers; there need not be any yet. `timeout`: `for` ends when none
        comes for so long."""
        mode = _SPINNING if spin else 0
        native = self._native.subscriber(event.name, event.schema, int(start), int(when_slow), mode)
        return Subscriber(native, event, timeout)

    def server(self, *, label: str | None = None, spin: bool = False) -> Server:
        return Server(self._native.server(label, _SPINNING if spin else 0))

    def command(self, name: str, *, executor: Executor | None = None,
                group: bool = False) -> Callable[[_Handler], _Handler]:
        """Registers the function below it with a server of this bus, which serve() or aserve() runs."""

        def register(function: _Handler) -> _Handler:
            if self._server is None:
                self._server = self.server()
            self._server.on(name, function, executor=executor, group=group)
            return function

        return register

    def serve(self, timeout: float | None = None) -> int:
        """Runs what command() registered: Server.run()."""
        return self._served().run(timeout)

    def aserve(self) -> Coroutine[Any, Any, None]:
        """The same in asyncio: Server.arun()."""
        return self._served().arun()

    def _served(self) -> Server:
        if self._server is None:
            raise RuntimeError("no command was registered")
        return self._server

    def stop(self) -> None:
        """Any thread: ends serve() or aserve()."""
        if self._server is not None:
            self._server.stop()

    def wait_until_available(self, name: str, timeout: float | None = 5.0) -> None:
        self._native.wait_until_available(name, nanoseconds(timeout, FOREVER))

    def schema(self, name: str) -> str:
        """What the present or last owner of the name registered: "request->reply"; "" for bytes."""
        return self._native.schema(name)

    def changes(self, name: str | None = None, timeout: float | None = None) -> Iterator[NameChange]:
        """Names that come and go, without end, or until none does for `timeout`; first, those that are
        there."""
        watch = self._native.watch(name)
        while True:
            yield from map(_change, watch.poll())
            if not watch.wait(nanoseconds(timeout, FOREVER)):
                return

    async def achanges(self, name: str | None = None) -> AsyncIterator[NameChange]:
        """The same for `async for`."""
        watch = self._native.watch(name)
        replies = Replies(watch)
        found: list[NameChange] = []

        def look() -> bool:
            found.extend(map(_change, watch.poll()))
            return bool(found)

        while True:
            if not look():
                await replies.ready(look)
            while found:
                yield found.pop(0)

    def close(self) -> None:
        """Leaves the bus, once what was made from it is gone too."""
        if self._server is not None:
            self._server.close()
        self._native.close()

    def __enter__(self) -> Bus:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()
