"""Streams: many records for one call (docs/streams.md). The caller's side and the handler's."""
from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from . import _native
from ._layout import Type
from ._loop import Replies
from ._time import FOREVER, nanoseconds
from .errors import StreamEnded, make_error
from .types import type_of

_T = TypeVar("_T")
_TIMED_OUT = 3
_NAP = 0.0001  #: seconds, the first of those that grow to
_NAP_MAX = 0.005


class Stream(Generic[_T]):
    """In a command, in the place of a type: many of it. `bus.caller("log", Query, Stream[Line])`."""


class Records(enum.IntEnum):
    """Which way the records of a stream of bytes go."""

    from_handler = 0
    to_handler = 1
    both = 2


def side_of(annotation: Any) -> tuple[Type, bool]:
    """The type of one side of a command, and whether it is a stream of them."""
    if getattr(annotation, "__origin__", None) is Stream:
        return type_of(annotation.__args__[0]), True
    return type_of(annotation), False


def text_of(side: tuple[Type, bool]) -> str:
    return f"stream<{side[0].text}>" if side[1] else side[0].text


def _late(what: str) -> Exception:
    return make_error(_TIMED_OUT, 0, 0, 0, 0, f"{what} in time: the stream goes on", ())


def _pack(of: Type | None, value: Any) -> Any:
    return value if of is None else of.pack(value)


def _unpack(of: Type | None, data: bytes) -> Any:
    return data if of is None else of.unpack(data)


async def _soon(attempt: Callable[[], Any], timeout: float | None, what: str) -> Any:
    """What `attempt` returns, once that is neither None nor False. The loop goes on meanwhile."""
    until = None if timeout is None else time.monotonic() + timeout
    nap = 0.0
    while True:
        found = attempt()
        if found is not None and found is not False:
            return found
        if until is not None and time.monotonic() >= until:
            raise _late(what)
        await asyncio.sleep(nap)
        nap = min(max(_NAP, nap * 2), _NAP_MAX)


class Writer(Generic[_T]):
    """A handler's records to its caller."""

    def __init__(self, native: _native.End, of: Type | None) -> None:
        self._native, self._of = native, of

    def put(self, record: _T, timeout: float | None = None) -> None:
        """Waits for room. Cancelled: the caller wants no more, or has gone."""
        if not self._native.put(_pack(self._of, record), nanoseconds(timeout, FOREVER)):
            raise _late("the caller made no room")

    async def aput(self, record: _T, timeout: float | None = None) -> None:
        data = _pack(self._of, record)
        await _soon(lambda: self._native.put(data, 0), timeout, "the caller made no room")


class Reader(Generic[_T]):
    """A handler's records of its caller: `for record in reader`, or `async for`. Cancelled: the caller
    has given the call up, or has gone, so that records are missing."""

    def __init__(self, native: _native.End, of: Type | None) -> None:
        self._native, self._of = native, of

    def next(self, timeout: float | None = None) -> _T:
        """Waits; StreamEnded after the last record."""
        data = self._native.next(nanoseconds(timeout, FOREVER))
        if data is None:
            raise _late("the caller sent no record")
        return self._value(data)

    def _value(self, data: bytes) -> _T:
        value: _T = _unpack(self._of, data)
        return value

    def __iter__(self) -> Reader[_T]:
        return self

    def __next__(self) -> _T:
        try:
            return self.next()
        except StreamEnded:
            raise StopIteration from None

    def __aiter__(self) -> Reader[_T]:
        return self

    async def __anext__(self) -> _T:
        try:
            return self._value(await _soon(lambda: self._native.next(0), None, ""))
        except StreamEnded:
            raise StopAsyncIteration from None


class OpenStream:
    """The caller's side of a stream. `for record in stream`, or `async for`, ends with the handler: in
    good order, or by raising what ended it, once all records that came before were read. As a context
    manager it cancels what has not ended. It belongs to the thread that opened it."""

    def __init__(self, native: _native.Stream, caller: _native.Caller, sends: Type | None,
                 reads: Type | None, reply: Type | None, records: Records, gap: float | None) -> None:
        self._native, self._caller, self._gap = native, caller, gap
        self._sends, self._reads, self._reply, self._records = sends, reads, reply, records
        self._ended: bytes | Exception | None = None
        self._replies: Replies | None = None

    def next(self, timeout: float | None = None) -> Any:
        """Waits, for `gap` unless told otherwise; StreamEnded after the last record: end() says why."""
        data = self._native.next(nanoseconds(self._gap if timeout is None else timeout, FOREVER))
        if data is None:
            raise _late("no record came")
        return _unpack(self._reads, data)

    def put(self, record: Any, timeout: float | None = None) -> None:
        """Waits for room, for `gap` unless told otherwise. When the handler takes none any more, raises what
        ended the stream, or StreamEnded where records may be left to read, or it ended in good order."""
        limit = self._gap if timeout is None else timeout
        data = _pack(self._sends, record)
        try:
            if self._native.put(data, nanoseconds(limit, FOREVER)):
                return
        except StreamEnded:
            if self._records == Records.to_handler:
                self.end()  # raises what ended it
            raise
        raise _late("there was no room")

    def exchange(self, records: Iterable[Any]) -> Iterator[Any]:
        """Both ways at once: puts `records` while it yields what the handler puts."""
        try:
            for record in records:
                data = _pack(self._sends, record)
                while not self._native.put(data, 0):
                    found = self._native.next(1_000_000)
                    if found is not None:
                        yield _unpack(self._reads, found)
            while not self._native.close():
                found = self._native.next(1_000_000)
                if found is not None:
                    yield _unpack(self._reads, found)
        except StreamEnded:
            pass  # what is left is read, and then raised
        yield from self

    def close(self) -> None:
        """No record will follow."""
        nap = _NAP
        while not self._native.close():
            time.sleep(nap)
            nap = min(nap * 2, _NAP_MAX)

    def __iter__(self) -> OpenStream:
        return self

    def __next__(self) -> Any:
        try:
            return self.next()
        except StreamEnded:
            self.end()
            raise StopIteration from None

    def _over(self) -> bool:
        """Closes, passes over records that were not read: whether finish() would return at once."""
        if self._ended is not None:
            return True
        closed = self._native.close()
        try:
            while self._records != Records.to_handler and self._native.next(0) is not None:
                pass
        except StreamEnded:
            return True
        return closed and self._native.ready()

    def _take_end(self) -> Any:
        if self._ended is None:
            try:
                self._ended = self._native.finish()
            except Exception as error:
                self._ended = error
        ended: Any = self._ended
        if isinstance(ended, Exception):
            raise ended
        return None if self._reply is None and not ended else _unpack(self._reply, ended)

    def finish(self) -> Any:
        """Closes, passes over records that were not read, waits for the handler: its reply, or raises
        what ended the stream."""
        nap, looked = _NAP, time.monotonic()
        while not self._over():
            time.sleep(nap)
            nap = min(nap * 2, _NAP_MAX)
            if time.monotonic() - looked > 0.01:
                self._caller.poll()  # the handler may have died
                looked = time.monotonic()
        return self._take_end()

    end = finish

    def cancel(self) -> None:
        """Asks the handler to stop. What it has put before can still be read; end() says the rest."""
        if self._ended is None:
            self._native.cancel()

    async def _until(self, attempt: Callable[[], Any], timeout: float | None, what: str) -> Any:
        loop = asyncio.get_running_loop()
        found: list[Any] = []
        until = None if timeout is None else loop.time() + timeout
        if self._replies is None or self._replies.loop is not loop:
            self._replies = Replies(self._caller, self._caller.poll)

        def look() -> bool:
            if found:
                return True
            came = attempt()
            if came is not None and came is not False:
                found.append(came)
            return bool(found) or until is not None and loop.time() >= until

        if not look():
            await self._replies.ready(look)
        if not found:
            raise _late(what)
        return found[0]

    async def aput(self, record: Any, timeout: float | None = None) -> None:
        """put() in asyncio."""
        data, limit = _pack(self._sends, record), self._gap if timeout is None else timeout
        await self._until(lambda: self._native.put(data, 0), limit, "there was no room")

    async def aclose(self) -> None:
        """close() in asyncio."""
        await self._until(self._native.close, None, "")

    def __aiter__(self) -> OpenStream:
        return self

    async def __anext__(self) -> Any:
        try:
            data = await self._until(lambda: self._native.next(0), self._gap, "no record came")
        except StreamEnded:
            await self.afinish()
            raise StopAsyncIteration from None
        return _unpack(self._reads, data)

    async def afinish(self) -> Any:
        """finish() in asyncio."""
        await self._until(self._over, None, "")
        return self._take_end()

    def __enter__(self) -> OpenStream:
        return self

    def __exit__(self, *ignored: object) -> None:
        self._native.free()

    async def __aenter__(self) -> OpenStream:
        return self

    async def __aexit__(self, *ignored: object) -> None:
        self._native.free()


async def put_all(writer: Writer[Any], records: AsyncIterator[Any]) -> None:
    """Of a handler that is an asynchronous generator."""
    try:
        async for record in records:
            await writer.aput(record)
    finally:
        close = getattr(records, "aclose", None)
        if close is not None:
            await close()


def put_each(writer: Writer[Any], records: Iterator[Any]) -> None:
    """Of a handler that is a generator."""
    try:
        for record in records:
            writer.put(record)
    finally:
        close = getattr(records, "close", None)
        if close is not None:
            close()
