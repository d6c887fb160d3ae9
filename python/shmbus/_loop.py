"""Waiting in an asyncio loop for what a descriptor of the library announces."""
from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Protocol

PERIOD = 0.01  #: seconds: deadlines pass and handlers die without making a descriptor readable


class _Source(Protocol):
    def fd(self) -> int: ...


#: Of each loop: who waits on a descriptor. Callers of one server may share theirs.
_readers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, list[Replies]]] = (
    weakref.WeakKeyDictionary())


def _fan_out(waiting: list[Replies]) -> None:
    for one in list(waiting):
        one.readable()


class Replies:
    """Looks again for all that wait on one source when its descriptor is readable, and each PERIOD.
    One loop, one thread. `clear`: clears the descriptor, where looking does not."""

    def __init__(self, source: _Source, clear: Callable[[], object] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self._source, self._clear = source, clear
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._fd = -1

    async def ready(self, condition: Callable[[], bool]) -> None:
        """Returns once the condition holds; it is asked for in the loop."""
        woken: asyncio.Future[None] = self.loop.create_future()
        if not self._waiting:
            self._fd = self._source.fd()
            self._add_reader()
            self._timer = self.loop.call_later(PERIOD, self._tick)
        self._waiting[woken] = condition
        try:
            self._look()  # it may have come before the reader was there
            await woken
        finally:
            del self._waiting[woken]
            if not self._waiting:
                self._remove_reader()
                if self._timer is not None:
                    self._timer.cancel()

    def _add_reader(self) -> None:
        same = _readers.setdefault(self.loop, {}).setdefault(self._fd, [])
        same.append(self)
        if len(same) == 1:
            self.loop.add_reader(self._fd, _fan_out, same)

    def _remove_reader(self) -> None:
        same = _readers[self.loop][self._fd]
        same.remove(self)
        if not same:
            self.loop.remove_reader(self._fd)

    def readable(self) -> None:
        if self._clear is not None:
            self._clear()
        self._look()

    def _tick(self) -> None:
        self._timer = self.loop.call_later(PERIOD, self._tick)
        self.readable()

    def _look(self) -> None:
        for woken, condition in list(self._waiting.items()):
            if woken.done():
                continue
            try:
                if condition():
                    woken.set_result(None)
            except BaseException as error:
                woken.set_exception(error)
