"""Errors of the bus: one class for each kind, all of them `shmbus.Error`.

docs/errors.md says what a caller may do about each. `may_have_run` False means that the command was
not started and will not be: sending it again is safe.
"""
from __future__ import annotations

from typing import NamedTuple


class Cause(NamedTuple):
    """A command that failed below the one that failed, the nearest first."""

    kind: str
    code: int
    command: str
    after_gap: bool  #: causes between the one before and this one were left out


class Error(Exception):
    """What became of an operation on the bus."""

    kind: str = "unknown"
    number: int = 0  #: of the kind; the same in every release and language
    code: int = 0  #: of a handler that rejected, else errno or 0
    may_have_run: bool = False
    needed: int = 0  #: bytes, of TooLarge
    retry_after: float = 0.0  #: seconds, of Overloaded: sooner is of no use; 0: not known
    causes: tuple[Cause, ...] = ()


class NotRegistered(Error):
    kind, number = "not_registered", 1


class Rejected(Error):
    """The handler refused, with a code of its own."""

    kind, number = "rejected", 2


class TimedOut(Error, TimeoutError):
    kind, number = "timed_out", 3


class Cancelled(Error):
    """Cancelled before it was started. (Not asyncio.CancelledError, which a task gets.)"""

    kind, number = "cancelled", 4


class HandlerDiedBeforeStart(Error):
    kind, number = "handler_died_before_start", 5


class HandlerDiedAfterStart(Error):
    kind, number = "handler_died_after_start", 6


class Overloaded(Error):
    kind, number = "overloaded", 7


class TypeMismatch(Error):
    kind, number = "type_mismatch", 8


class TooLarge(Error):
    kind, number = "too_large", 9


class NotPermitted(Error, PermissionError):
    kind, number = "not_permitted", 10


class BusUnusable(Error, OSError):
    kind, number = "bus_unusable", 11


class AlreadyRegistered(Error):
    kind, number = "already_registered", 12


class InvalidArgument(Error, ValueError):
    kind, number = "invalid_argument", 13


class WrongThread(Error):
    kind, number = "wrong_thread", 14


class Forked(Error):
    """Handles do not survive fork(): open the bus again in the child."""

    kind, number = "forked", 15


class Corrupted(Error):
    kind, number = "corrupted", 16


class Abandoned(Error):
    kind, number = "abandoned", 17


class LimitReached(Error):
    kind, number = "limit_reached", 18


class StreamEnded(Error):
    kind, number = "stream_ended", 19


_classes: dict[int, type[Error]] = {c.number: c for c in Error.__subclasses__()}


def kind_name(number: int) -> str:
    found = _classes.get(number)
    return found.kind if found is not None else "unknown"


def make_error(number: int, code: int, may_have_run: int, needed: int, retry_after_ns: int,
               text: str, causes: tuple[tuple[int, int, str, int], ...]) -> Error:
    """As the extension module makes them."""
    error = _classes.get(number, Error)(text or kind_name(number))
    error.code = code
    error.may_have_run = bool(may_have_run)
    error.needed = needed
    error.retry_after = retry_after_ns / 1e9
    error.causes = tuple(Cause(kind_name(c[0]), c[1], c[2], bool(c[3])) for c in causes)
    return error


class Reject(Exception):
    """Raised in a handler: refuses the command with a code of the handler's own."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or f"code {code}")
        self.code = code
        self.text = text
