"""Server and Command: the handler's side, over the extension module."""
from __future__ import annotations

import asyncio
import inspect
import typing
from collections.abc import (AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator,
                             Iterable, Iterator)
from concurrent.futures import Executor
from typing import Any

from . import _native
from ._layout import Type
from ._streams import Reader, Writer, put_all, put_each, text_of
from ._time import FOREVER, nanoseconds
from .errors import Error, Reject
from .types import type_of

_YIELDS = (Iterator, Iterable, Generator, AsyncIterator, AsyncIterable, AsyncGenerator)
_READS = (Reader, Iterator, Iterable, AsyncIterator, AsyncIterable)
_SWEEP = 0.1  #: seconds: the owner of a name looks for commands whose caller died before it rang


class Command:
    """A command while its handler runs: a parameter of a handler that is called `command`."""

    def __init__(self, native: _native.Command) -> None:
        self._native = native

    @property
    def name(self) -> str:
        return self._native.name()

    @property
    def one_way(self) -> bool:
        """Nobody reads a reply."""
        return self._native.one_way()

    @property
    def remaining(self) -> float:
        """Seconds left before the deadline that the caller named; inf: it named none."""
        left = self._native.remaining_ns()
        return float("inf") if left == FOREVER else left / 1e9

    @property
    def cancelled(self) -> bool:
        """Nobody wants the answer any more."""
        return self._native.cancelled()

    @property
    def attempt(self) -> int:
        """1, or which attempt of a call that is repeated after errors."""
        return self._native.attempt()

    @property
    def traceparent(self) -> str:
        """W3C traceparent of this handler's work; "" when it is in no trace."""
        return self._native.traceparent()

    @property
    def caller(self) -> tuple[int, int, str]:
        """(pid, uid, label), as the caller's process describes itself."""
        return self._native.caller()

    def reader(self) -> Reader[bytes]:
        """Of a handler of bytes: the records of its caller."""
        return Reader(self._native.reader(), None)

    def writer(self) -> Writer[bytes]:
        """Of a handler of bytes: records to its caller."""
        return Writer(self._native.writer(), None)


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


class _Shape:
    """What a handler takes and returns, by its annotations."""

    def __init__(self, name: str, handler: Callable[..., Any]) -> None:
        hints = typing.get_type_hints(handler, include_extras=True)
        parameters = inspect.signature(handler).parameters
        self.wants_command = "command" in parameters
        self.request, self.takes_request = type_of(None), False
        self.reads: Type | None = None
        self.writes: Type | None = None
        self._order: list[str] = []
        for one in parameters:
            if one == "command":
                continue
            if one not in hints:
                raise TypeError(f"{name}: annotate `{one}` with the type of the request")
            origin, of = typing.get_origin(hints[one]), typing.get_args(hints[one])
            if origin is Writer and self.writes is None:
                self.writes = type_of(of[0])
                self._order.append("writer")
            elif origin in _READS and self.reads is None and not self.takes_request:
                self.reads = type_of(of[0])
                self._order.append("reader")
            elif self.takes_request or self.reads is not None:
                raise TypeError(f"{name}: a handler takes one request, and perhaps `command`")
            else:
                self.request, self.takes_request = type_of(hints[one]), True
                self._order.append("request")
        returned = hints.get("return")
        self._generates = typing.get_origin(returned) in _YIELDS
        if self._generates:
            self.writes = type_of(typing.get_args(returned)[0])
        self.streams = self.reads is not None or self.writes is not None
        self.reply = type_of(None if self.writes is not None else returned)
        request = text_of((self.reads, True) if self.reads is not None else (self.request, False))
        reply = text_of((self.writes, True) if self.writes is not None else (self.reply, False))
        self.schema = f"{request}->{reply}"

    def _values(self, target: Any, request: list[Any]) -> tuple[list[Any], Writer[Any] | None]:
        reader = Reader[Any](target.reader(), self.reads) if self.reads is not None else None
        writer = Writer[Any](target.writer(), self.writes) if self.writes is not None else None
        each = {"writer": writer, "reader": reader, "request": request[0] if request else None}
        return [each[one] for one in self._order], writer

    def call(self, handler: Callable[..., Any], target: Any, values: list[Any],
             named: dict[str, Any]) -> Any:
        if not self.streams:
            return handler(*values, **named)
        values, writer = self._values(target, values)
        result = handler(*values, **named)
        if self._generates and writer is not None:
            put_each(writer, iter(result))
            return None
        return result

    async def acall(self, handler: Callable[..., Any], target: Any, values: list[Any],
                    named: dict[str, Any]) -> Any:
        if not self.streams:
            return await handler(*values, **named)
        values, writer = self._values(target, values)
        if self._generates and writer is not None:
            await put_all(writer, aiter(handler(*values, **named)))
            return None
        return await handler(*values, **named)


def _finish(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


class Server:
    """Runs handlers of names. One thread at a time may use it; handlers run on the thread that runs it,
    in `executor` when they were registered with one, or as tasks of the running loop when they are
    coroutines (then serve it with `await server.arun()`)."""

    def __init__(self, native: _native.Server) -> None:
        self._native = native
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, name: str, handler: Callable[..., Any], *, executor: Executor | None = None,
           group: bool = False) -> None:
        """Registers an annotated function: `def handler(request: Request) -> Reply`. A parameter
        `command` gets a Command. Raise Reject(code, text) to refuse. Streams: a parameter that is a
        Reader[T], or an Iterator[T], reads records; one that is a Writer[T] writes them, and so does a
        generator: `-> Iterator[T]`."""
        shape = _Shape(name, handler)

        def arguments(native: _native.Command) -> tuple[list[Any], dict[str, Any]]:
            values = [shape.request.unpack(native.request())] if shape.takes_request else []
            return values, {"command": Command(native)} if shape.wants_command else {}

        run = self._runner(handler, arguments, shape, executor)
        self._native.on(name, run, shape.schema, group)

    def on_bytes(self, name: str, handler: Callable[[bytes, Command], bytes | None], *,
                 schema: str | None = None) -> None:
        """Registers a handler of bytes, with the text of a schema if it has one."""

        def run(native: _native.Command) -> None:
            try:
                answer = handler(native.request(), Command(native))
                if answer is not None:
                    native.reply(answer)
            except Exception as error:
                _refuse(native, error)

        self._native.on(name, run, schema, False)

    def _runner(self, handler: Callable[..., Any], arguments: Callable[..., Any], shape: _Shape,
                executor: Executor | None) -> Callable[[_native.Command], None]:
        def here(native: _native.Command) -> None:
            try:
                values, named = arguments(native)
                _answer(native, shape.reply, shape.call(handler, native, values, named))
            except Exception as error:
                _refuse(native, error)

        def elsewhere(native: _native.Command) -> None:
            assert executor is not None
            try:
                values, named = arguments(native)
                responder = native.defer()
            except Exception as error:
                return _refuse(native, error)

            def work() -> None:
                try:
                    _answer(responder, shape.reply, shape.call(handler, responder, values, named))
                except Exception as error:
                    _refuse(responder, error)

            try:
                executor.submit(work)
            except Exception as error:  # it was shut down
                _refuse(responder, error)

        async def finish(responder: Any, values: list[Any], named: dict[str, Any]) -> None:
            try:
                answer = await shape.acall(handler, responder, values, named)
                _answer(responder, shape.reply, answer)
            except Exception as error:
                _refuse(responder, error)

        def as_task(native: _native.Command) -> None:
            try:
                if self._loop is None:
                    raise RuntimeError("a coroutine: serve it with arun()")
                values, named = arguments(native)
                responder = native.defer()
            except Exception as error:
                return _refuse(native, error)
            task = self._loop.create_task(finish(responder, values, named))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        if inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler):
            return as_task
        return here if executor is None else elsewhere

    def off(self, name: str) -> None:
        """Gives the name up."""
        self._native.off(name)

    def run(self, timeout: float | None = None) -> int:
        """Runs commands until the time is over, stop() is called, or Ctrl-C; returns how many. None: no
        limit."""
        return self._native.run(nanoseconds(timeout, FOREVER))

    async def arun(self) -> None:
        """Runs commands in the running loop until its task is cancelled or stop() is called."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        self._loop, self._ended = loop, ended
        timer: asyncio.TimerHandle | None = None

        def serve() -> None:
            try:
                while self._native.poll():
                    pass
            except BaseException as error:  # of a handler, for the thread that runs the server
                if not ended.done():
                    ended.set_exception(error)

        def sweep() -> None:
            nonlocal timer
            timer = loop.call_later(_SWEEP, sweep)
            serve()

        fd = self._native.fd()
        loop.add_reader(fd, serve)
        try:
            sweep()
            await ended
        finally:
            loop.remove_reader(fd)
            if timer is not None:
                timer.cancel()
            self._loop = self._ended = None
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Any thread: run() returns within 50 ms, arun() at the next turn of its loop."""
        self._native.stop()
        loop, ended = self._loop, self._ended
        if loop is not None and ended is not None:
            loop.call_soon_threadsafe(_finish, ended)

    def close(self) -> None:
        """Gives its names up. Callers of commands that were not started get NotRegistered."""
        self._native.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()
