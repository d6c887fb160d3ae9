"""Bus, Caller, Server: what is pleasant to use, over the extension module."""
from __future__ import annotations

import asyncio
import inspect
import threading
import typing
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

from . import _native
from .errors import Error, Reject, make_error
from .types import Type, type_of

_native.set_error_maker(make_error)

_FOREVER = 2**63 - 1
_DEFAULT = -(2**63)
_BYTES = object()  # stands for "no types": bytes go as they are
_ROOM = 65536


def _ns(seconds: float | None, default: int = _DEFAULT) -> int:
    if seconds is None:
        return default
    return _FOREVER if seconds == float("inf") else max(0, int(seconds * 1e9))


class NameChange(NamedTuple):
    name: str
    owner: str  #: label of its process; "" when nobody has it
    pid: int
    available: bool
    taken_over: bool


class Pending:
    """A call under way. Belongs to the thread that made it."""

    def __init__(self, native: _native.Pending, reply: Type | None) -> None:
        self._native, self._reply = native, reply

    def ready(self) -> bool:
        """result() would return at once."""
        return self._native.ready()

    def cancel(self) -> None:
        """Do not start it, or stop; result() tells which."""
        self._native.cancel()

    def view(self) -> memoryview:
        """Waits; the reply's bytes where they lie. The view keeps their memory."""
        return memoryview(self._native.wait())

    def result(self) -> Any:
        """Waits; the reply, or its bytes when the caller has no types."""
        view = self.view()
        return bytes(view) if self._reply is None else self._reply.unpack(view)


class Loan:
    """Memory of the segment for one request, filled in place: memoryview(loan), numpy.frombuffer(loan).
    Views are to be released before it is sent: BufferError."""

    def __init__(self, native: _native.Loan, reply: Type | None) -> None:
        self._native, self._reply = native, reply

    def view(self) -> memoryview:
        return memoryview(self._native)

    def start(self, timeout: float | None = None) -> Pending:
        return Pending(self._native.start(_ns(timeout)), self._reply)

    def call(self, timeout: float | None = None) -> Any:
        return self.start(timeout).result()

    def send(self, timeout: float | None = None) -> None:
        self._native.send(_ns(timeout))

    def shrink(self, size: int) -> None:
        """Sends no more than the first `size` bytes."""
        self._native.shrink(size)


class Caller:
    """Calls one name. Any thread: each gets a native caller of its own."""

    def __init__(self, bus: Bus, name: str, request: Any, reply: Any, wait: bool, room: int) -> None:
        self._bus, self.name, self._wait = bus, name, wait
        typed = request is not _BYTES
        self._request = type_of(request) if typed else None
        self._reply = type_of(reply) if typed else None
        self._room = room if self._reply is None or self._reply.tail else max(self._reply.size, 104)
        self._threads = threading.local()
        _ = self._native()  # tells of types that do not fit now

    def _native(self) -> _native.Caller:
        mine = getattr(self._threads, "caller", None)
        if mine is None:
            schema = None
            if self._request is not None and self._reply is not None:
                schema = f"{self._request.text}->{self._reply.text}"
            mine = self._bus._native.caller(self.name, schema, self._wait, 0)
            self._threads.caller = mine
        return mine

    def _message(self, request: Any) -> Any:
        return request if self._request is None else self._request.pack(request)

    def __call__(self, request: Any = None, timeout: float | None = None) -> Any:
        """Sends `request` and waits for the reply."""
        data = b"" if request is None and self._request is None else self._message(request)
        reply = self._native().call(data, self._room, _ns(timeout))
        return reply if self._reply is None else self._reply.unpack(reply)

    call = __call__

    def start(self, request: Any = None, timeout: float | None = None) -> Pending:
        """Sends without waiting."""
        data = b"" if request is None and self._request is None else self._message(request)
        return Pending(self._native().start(data, self._room, _ns(timeout)), self._reply)

    def send(self, request: Any = None, timeout: float | None = None) -> int:
        """One-way: nobody answers."""
        data = b"" if request is None and self._request is None else self._message(request)
        return self._native().send(data, _ns(timeout))

    def loan(self, size: int, room: int | None = None) -> Loan:
        """Memory for a request of `size` bytes, and room for the reply."""
        return Loan(self._native().loan(size, self._room if room is None else room), self._reply)

    async def acall(self, request: Any = None, timeout: float | None = None) -> Any:
        """The same as a call, for asyncio: the loop of this thread goes on meanwhile. Cancelling the
        task cancels the command. A name that nobody has is waited for without blocking the loop
        only if the caller was made without `wait`."""
        native = self._native()
        pending = self.start(request, timeout)
        try:
            if not pending.ready():
                await _until_ready(native, self._threads, pending)
            return pending.result()
        except asyncio.CancelledError:
            pending.cancel()
            raise


async def _until_ready(native: _native.Caller, mine: Any, pending: Pending) -> None:
    """Wakes all that wait on this caller when its descriptor is readable, and every 10 ms: deadlines
    pass and handlers die in silence."""
    loop = asyncio.get_running_loop()
    waiting: set[asyncio.Future[None]] = mine.__dict__.setdefault("waiting", set())
    fd = native.fd()
    native.poll()

    def readable() -> None:
        native.poll()
        for one in list(waiting):
            if not one.done():
                one.set_result(None)

    if not waiting:
        loop.add_reader(fd, readable)
    try:
        while not pending.ready():
            woken: asyncio.Future[None] = loop.create_future()
            waiting.add(woken)
            try:
                await asyncio.wait_for(woken, 0.01)
            except (TimeoutError, asyncio.TimeoutError):
                native.poll()
            finally:
                waiting.discard(woken)
                if waiting:
                    loop.add_reader(fd, readable)
    finally:
        if not waiting:
            loop.remove_reader(fd)


class Command:
    """A command while its handler runs: the last parameter of a handler, if it is called `command`."""

    def __init__(self, native: _native.Command) -> None:
        self._native = native

    @property
    def name(self) -> str:
        return self._native.name()

    @property
    def remaining(self) -> float:
        """Seconds left before the deadline that the caller named; inf: it named none."""
        left = self._native.remaining_ns()
        return float("inf") if left == _FOREVER else left / 1e9

    @property
    def cancelled(self) -> bool:
        """Nobody wants the answer any more."""
        return self._native.cancelled()

    @property
    def caller(self) -> tuple[int, int, str]:
        """(pid, uid, label), as the caller's process says itself."""
        return self._native.caller()


def _answer(target: Any, reply: Type, value: Any) -> None:
    if reply.text != "none":
        target.reply(reply.pack(value))
    elif not isinstance(target, _native.Command):
        target.reply(b"")


def _refuse(target: Any, error: BaseException) -> None:
    if isinstance(error, Reject):
        target.reject(error.code, error.text or None)
    elif isinstance(error, Error):
        target.reject(-1, f"{error.kind}: {error}"[:40])
    else:
        target.reject(-1, f"{type(error).__name__}: {error}"[:40])


class Server:
    """A seat for handlers. One thread at a time may use it; handlers run on the thread that runs it, in
    `executor` when they were registered with one, or as tasks of the running loop when they are
    coroutines (then serve it with `await server.arun()`)."""

    def __init__(self, bus: Bus, label: str | None) -> None:
        self._native = bus._native.server(label)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, name: str, handler: Callable[..., Any], *, executor: Executor | None = None,
           group: bool = False) -> None:
        """Registers an annotated function: `def handler(request: Request) -> Reply`. A last parameter
        `command` gets a Command. Raise Reject(code, text) to refuse."""
        hints = typing.get_type_hints(handler, include_extras=True)
        names = [p for p in inspect.signature(handler).parameters if p != "command"]
        wants_command = "command" in inspect.signature(handler).parameters
        if len(names) > 1:
            raise TypeError(f"{name}: a handler takes one request, and perhaps `command`")
        request = type_of(hints[names[0]]) if names else type_of(None)
        reply = type_of(hints.get("return"))
        schema = f"{request.text}->{reply.text}"

        def arguments(native: Any) -> tuple[list[Any], dict[str, Any]]:
            values = [request.unpack(native.request())] if names else []
            return values, {"command": Command(native)} if wants_command else {}

        self._native.on(name, self._runner(handler, arguments, reply, executor), schema, group)

    def on_bytes(self, name: str, handler: Callable[[bytes, Command], bytes | None], *,
                 schema: str | None = None) -> None:
        """Registers a handler of bytes, with the text of a schema if it has one."""

        def run(native: _native.Command) -> None:
            try:
                answer = handler(native.request(), Command(native))
                if answer is not None:
                    native.reply(answer)
            except Exception as error:  # noqa: BLE001: whatever it is, the caller is told
                _refuse(native, error)

        self._native.on(name, run, schema, False)

    def _runner(self, handler: Callable[..., Any], arguments: Any, reply: Type,
                executor: Executor | None) -> Callable[[_native.Command], None]:
        def here(native: _native.Command) -> None:
            try:
                values, named = arguments(native)
                _answer(native, reply, handler(*values, **named))
            except Exception as error:  # noqa: BLE001
                _refuse(native, error)

        def elsewhere(native: _native.Command) -> None:
            try:
                values, named = arguments(native)
                responder = native.defer()
            except Exception as error:  # noqa: BLE001
                return _refuse(native, error)

            def work() -> None:
                try:
                    _answer(responder, reply, handler(*values, **named))
                except Exception as error:  # noqa: BLE001
                    _refuse(responder, error)

            assert executor is not None
            executor.submit(work)

        async def finish(responder: Any, values: list[Any], named: dict[str, Any]) -> None:
            try:
                _answer(responder, reply, await handler(*values, **named))
            except Exception as error:  # noqa: BLE001
                _refuse(responder, error)

        def as_task(native: _native.Command) -> None:
            try:
                if self._loop is None:
                    raise RuntimeError("a coroutine: serve it with arun()")
                values, named = arguments(native)
                responder = native.defer()
            except Exception as error:  # noqa: BLE001
                return _refuse(native, error)
            task = self._loop.create_task(finish(responder, values, named))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        if inspect.iscoroutinefunction(handler):
            return as_task
        return here if executor is None else elsewhere

    def off(self, name: str) -> None:
        self._native.off(name)

    def run(self, timeout: float | None = None) -> int:
        """Runs commands until the time is over, stop() is called or Ctrl-C; returns how many. None: for
        ever."""
        return self._native.run(_ns(timeout, _FOREVER))

    async def arun(self) -> None:
        """Runs commands in the running loop until its task is cancelled or stop() is called."""
        self._loop = loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def serve() -> None:
            try:
                while self._native.poll():
                    pass
            except BaseException as error:  # noqa: BLE001: of whoever runs the server
                if not ended.done():
                    ended.set_exception(error)

        fd = self._native.fd()
        loop.add_reader(fd, serve)
        serve()
        self._ended = ended
        try:
            await ended
        finally:
            loop.remove_reader(fd)
            for task in self._tasks:
                task.cancel()

    def stop(self) -> None:
        """Any thread: run() returns within 50 ms. Of arun(): its own thread alone."""
        self._native.stop()
        ended = getattr(self, "_ended", None)
        if ended is not None and not ended.done():
            ended.set_result(None)

    def close(self) -> None:
        """Gives its names up. Callers of what was not started are told not_registered."""
        self._native.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()


class Bus:
    """An opened bus: /dev/shm/shmbus.NAME, or the file of that path. Any thread."""

    def __init__(self, name: str, *, label: str | None = None, create: bool = True) -> None:
        self._native = _native.open(name, label, create)
        self._server: Server | None = None

    @property
    def path(self) -> str:
        return self._native.path()

    def caller(self, name: str, request: Any = _BYTES, reply: Any = None, *, wait: bool = False,
               room: int = _ROOM) -> Caller:
        """Calls `name`: with annotations of its types, or, without, bytes. `wait`: calls wait for a
        handler until their deadline. `room`: bytes for replies whose size is not known."""
        return Caller(self, name, request, reply, wait, room)

    def server(self, *, label: str | None = None) -> Server:
        return Server(self, label)

    def command(self, name: str, *, executor: Executor | None = None,
                group: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Registers the function below it with a server of this bus, which serve() or aserve() runs."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            if self._server is None:
                self._server = self.server()
            self._server.on(name, function, executor=executor, group=group)
            return function

        return register

    def serve(self, timeout: float | None = None) -> int:
        """Runs what command() registered: Server.run()."""
        if self._server is None:
            raise RuntimeError("no command was registered")
        return self._server.run(timeout)

    def aserve(self) -> Awaitable[None]:
        if self._server is None:
            raise RuntimeError("no command was registered")
        return self._server.arun()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def wait_until_available(self, name: str, timeout: float | None = 5.0) -> None:
        self._native.wait_until_available(name, _ns(timeout, _FOREVER))

    def schema(self, name: str) -> str:
        """What the present or last owner of the name registered: "request->reply"; "" for bytes."""
        return self._native.schema(name)

    def changes(self, name: str | None = None, timeout: float | None = None) -> typing.Iterator[NameChange]:
        """Names that come and go, for ever, or until none does for `timeout`; first how things are."""
        watch = self._native.watch(name)
        while True:
            for change in watch.poll():
                yield NameChange(change[0], change[1], change[2], bool(change[3]), bool(change[4]))
            if not watch.wait(_ns(timeout, _FOREVER)):
                return

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._native.close()

    def __enter__(self) -> Bus:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()
