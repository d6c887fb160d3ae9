"""What a scenario is. Each takes a Pair, and raises AssertionError where a promise is not kept. What a
peer's handlers do stands in README.md. Scenarios wait for states, and for no time but deadlines that
are meant to pass."""
from __future__ import annotations

import typing
from collections.abc import Callable

from driver import Pair, failure


class Scenario(typing.NamedTuple):
    name: str
    needs: frozenset[str]
    run: Callable[[Pair], None]


ALL: list[Scenario] = []


def scenario(name, *needs):
    def add(run):
        ALL.append(Scenario(name, frozenset(("calls", *needs)), run))
        return run
    return add


def hexed(string):
    return "x" + string.encode().hex()


def same(got, wanted):
    assert got == wanted, f"{got!r} instead of {wanted!r}"


def fails(line, kind, **wanted):
    """`line` is an error of that kind, with those members."""
    got = failure(line)
    same(got.kind, kind)
    for member, value in wanted.items():
        assert getattr(got, member) == value, f"{member} is {getattr(got, member)!r}: {line}"
    return got


def started(caller, command, timeout):
    """The error of a command that had begun before the deadline: on a busy machine, of a later attempt."""
    while timeout < 60_000:
        got = failure(caller.ask(f"{command} timeout={timeout}"))
        if got.may_have_run:
            return got
        same(got.kind, "timed_out")
        timeout *= 4
    raise AssertionError(f"it never began: {got}")
