"""Seconds, as Python's users write times, to nanoseconds, as the extension module takes them."""
from __future__ import annotations

FOREVER = 2**63 - 1
DEFAULT = -(2**63)  #: the time limit of the bus


def nanoseconds(seconds: float | None, default: int = DEFAULT) -> int:
    if seconds is None:
        return default
    return FOREVER if seconds * 1e9 >= FOREVER else max(0, int(seconds * 1e9))
