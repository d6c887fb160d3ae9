"""Event, Publisher and Subscriber: one publisher's values to many subscribers (docs/events.md)."""
from __future__ import annotations

import asyncio
import enum
import time
from typing import Any, Generic, TypeVar, overload

from . import _native
from ._layout import Type
from ._loop import Replies
from ._time import FOREVER, nanoseconds
from .errors import Overloaded, make_error
from .types import type_of

_T = TypeVar("_T")
_BYTES = object()
_TIMED_OUT = 3


class From(enum.IntEnum):
    """Where a subscriber begins, at each publisher that is there."""

    now = 0  #: with the next event
    latest = 1  #: with the last one, also when its publisher has ended
    oldest = 2  #: with the oldest that is left


class WhenSlow(enum.IntEnum):
    """When a subscriber is slower than a publisher."""

    skip = 0  #: it goes on with the oldest event that is left; `missed` counts the others
    hold = 1  #: the publisher waits for it


class Event(Generic[_T]):
    """A name and the type of its events, for both sides; without a type, they are bytes."""

    @overload
    def __init__(self: Event[bytes], name: str) -> None: ...
    @overload
    def __init__(self, name: str, of: type[_T]) -> None: ...
    @overload
    def __init__(self: Event[Any], name: str, of: Any) -> None: ...

    def __init__(self, name: str, of: Any = _BYTES) -> None:
        self.name = name
        self.type: Type | None = None if of is _BYTES else type_of(of)

    @property
    def schema(self) -> str | None:
        return None if self.type is None else f"{self.type.text}->none"


class Publisher(Generic[_T]):
    """Publishes events of one name. One thread at a time."""

    def __init__(self, native: _native.Publisher, event: Event[_T]) -> None:
        self._native, self._type = native, event.type

    def _message(self, value: _T) -> Any:
        return value if self._type is None else self._type.pack(value)

    def publish(self, value: _T, timeout: float | None = None) -> int:
        """Returns the number of the event, counted from 1. Waits only for subscribers that hold, then
        raises Overloaded, which names the process: nothing was published."""
        return self._native.publish(self._message(value), nanoseconds(timeout))

    async def apublish(self, value: _T, timeout: float | None = None) -> int:
        """The same in asyncio: the loop goes on while it waits."""
        data, until = self._message(value), 0.0
        while True:
            try:
                return self._native.publish(data, 0)
            except Overloaded:
                now = time.monotonic()
                until = until or now + (5.0 if timeout is None else timeout)
                if now >= until:
                    raise
            await asyncio.sleep(0.005)

    def close(self) -> None:
        """Its last events stay for subscribers that come late."""
        self._native.close()

    def __enter__(self) -> Publisher[_T]:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()


class Subscriber(Generic[_T]):
    """Reads the events of one name, of all publishers: `for value in subscriber`, `async for`, or
    next(). One thread at a time. What is not readable as a value raises, and the next one follows."""

    def __init__(self, native: _native.Subscriber, event: Event[_T], timeout: float | None) -> None:
        self._native, self._event, self._timeout = native, event, timeout
        self._replies: Replies | None = None
        self.sequence = 0  #: of the last event: its number, counted by its publisher from 1
        self.publisher = 0  #: of the last event: tells publishers apart

    @property
    def missed(self) -> int:
        """How many events were overwritten before this subscriber came to them."""
        return self._native.missed()

    def ready(self) -> bool:
        """next() would return at once."""
        return self._native.ready()

    def _value(self, found: tuple[bytes, int, int]) -> _T:
        data, self.sequence, self.publisher = found
        value: Any = data if self._event.type is None else self._event.type.unpack(data)
        return value  # type: ignore[no-any-return]

    def next(self, timeout: float | None = None) -> _T:
        """Waits; TimedOut when no event comes."""
        found = self._native.next(nanoseconds(timeout))
        if found is None:
            raise self._none_came()
        return self._value(found)

    def view(self, timeout: float | None = None) -> memoryview:
        """Waits; the bytes of the next event where they lie. Release the view before the next event: a
        publisher that must not lose it for this subscriber waits."""
        found = self._native.look(nanoseconds(timeout))
        if found is None:
            raise self._none_came()
        self.sequence, self.publisher = found
        native: Any = self._native
        return memoryview(native)

    def _none_came(self) -> Exception:
        return make_error(_TIMED_OUT, 0, 0, 0, 0, f"no '{self._event.name}' came in time", ())

    def __iter__(self) -> Subscriber[_T]:
        return self

    def __next__(self) -> _T:
        found = self._native.next(nanoseconds(self._timeout, FOREVER))
        if found is None:
            raise StopIteration
        return self._value(found)

    def __aiter__(self) -> Subscriber[_T]:
        return self

    async def __anext__(self) -> _T:
        loop = asyncio.get_running_loop()
        until = None if self._timeout is None else loop.time() + self._timeout
        while True:
            found = self._native.next(0)
            if found is not None:
                return self._value(found)
            if until is not None and loop.time() >= until:
                raise StopAsyncIteration
            await self._event_or(until)

    async def anext(self, timeout: float | None = 5.0) -> _T:
        """next() in asyncio; None: no limit."""
        try:
            return await asyncio.wait_for(self._anext(), timeout)
        except asyncio.TimeoutError:
            raise self._none_came() from None

    async def _anext(self) -> _T:
        while True:
            found = self._native.next(0)
            if found is not None:
                return self._value(found)
            await self._event_or(None)

    async def _event_or(self, until: float | None) -> None:
        """Returns once there may be an event, or the time is over."""
        loop = asyncio.get_running_loop()
        if self._replies is None or self._replies.loop is not loop:
            self._replies = Replies(self._native, self._native.poll)
        await self._replies.ready(
            lambda: self._native.ready() or until is not None and loop.time() >= until)

    def close(self) -> None:
        self._native.close()

    def __enter__(self) -> Subscriber[_T]:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()
