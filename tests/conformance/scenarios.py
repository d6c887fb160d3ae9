"""The scenarios: each takes a Pair, and raises AssertionError where a promise is not kept. What a
peer's handlers do stands in README.md. They wait for states, and for no time but deadlines that are
meant to pass."""
from __future__ import annotations

import typing
from collections.abc import Callable

from driver import Pair, failure, pattern, shown, text


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


SIZES = (0, 1, 8, 39, 40, 41, 47, 48, 49, 95, 96, 97, 103, 104, 105, 1024, 4096, 60000)


@scenario("calls of all sizes")
def _(pair):
    _, caller = pair.both()
    for size in SIZES:
        same(caller.ask(f"call echo {size}*"), f"ok {shown(pattern(size))}")


@scenario("loans of all sizes", "loans")
def _(pair):
    _, caller = pair.both()
    for size in SIZES:
        same(caller.ask(f"loan echo {size}*"), f"ok {shown(pattern(size))}")


@scenario("unicode and empty values")
def _(pair):
    _, caller = pair.both()
    for value in ("", "\0", "grüße, 日本, 🚌", "a\u0301", "-"):
        word = hexed(value) if value else "-"
        same(caller.ask(f"call größe.エコー {word}"), f"ok {shown(value.encode())}")
    got = fails(caller.ask("call refuse -"), "rejected", code=42, may_have_run=1)
    assert "nein: größer" in got.text, got.text


@scenario("one-way commands")
def _(pair):
    _, caller = pair.both()
    for _ in range(200):
        same(caller.ask("send tally 8*"), "ok")
    same(caller.ask("call total -"), f"ok {hexed('200')}")


@scenario("many calls under way", "loans")
def _(pair):
    _, caller = pair.both()
    for i in range(1, 31):
        same(caller.ask(f"start echo {i * 40}* room=2000"), "ok")
    for i in range(1, 31):
        same(caller.ask("wait"), f"ok {shown(pattern(i * 40))}")


@scenario("identity of the caller")
def _(pair):
    _, caller = pair.both()
    same(caller.ask("call who -"), f"ok {hexed(str(caller.process.pid))}")


@scenario("deferred answers", "defer")
def _(pair):
    _, caller = pair.both()
    for size in (0, 48, 5000):
        same(caller.ask(f"call later {size}*"), f"ok {shown(pattern(size))}")


@scenario("error: not_registered")
def _(pair):
    _, caller = pair.both()
    fails(caller.ask("call absent -"), "not_registered", may_have_run=0)


@scenario("error: rejected, not_permitted")
def _(pair):
    _, caller = pair.both()
    fails(caller.ask("call refuse -"), "rejected", code=42, may_have_run=1)
    got = fails(caller.ask("call forbid -"), "not_permitted", code=7)
    assert "not you" in got.text, got.text


@scenario("error: causes", "causes")
def _(pair):
    _, caller = pair.both()
    got = fails(caller.ask("call because -"), "rejected", code=5, may_have_run=1)
    same(got.causes[0][0], "not_registered")
    same(got.causes[0][2], "absent")


@scenario("error: abandoned", "defer")
def _(pair):
    _, caller = pair.both()
    fails(caller.ask("call drop -"), "abandoned", may_have_run=1)


@scenario("error: too_large")
def _(pair):
    _, caller = pair.both()
    fails(caller.ask("call echo 500* room=100"), "too_large", needed=500, may_have_run=1)
    fails(caller.ask("call echo 4000000*"), "too_large")  # more than all payload memory of the bus
    same(caller.ask("call echo 10*"), f"ok {shown(pattern(10))}")


@scenario("error: overloaded, limits")
def _(pair):
    handler, caller = pair.both()
    handler.stop()
    words = caller.ask("fill echo 16").split(" ", 2)
    assert 1 < int(words[1]) <= 64, words
    fails(words[2], "overloaded", may_have_run=0)
    handler.go_on()
    same(caller.ask("call echo 10*"), f"ok {shown(pattern(10))}")


@scenario("error: invalid_argument")
def _(pair):
    _, caller = pair.both()
    fails(caller.ask(f"call {'n' * 129} -"), "invalid_argument")
    fails(caller.ask("call echo - schema=what"), "invalid_argument")


@scenario("error: already_registered")
def _(pair):
    _, caller = pair.both()
    fails(caller.ask("register echo"), "already_registered")
    same(caller.ask("register another"), "ok")
    second = pair.handler(ready="")
    fails(second.line(), "already_registered")
    same(second.wait(), 1)


@scenario("error: bus_unusable")
def _(pair):
    _, caller = pair.both()
    fails(caller.ask(f"open {pair.folder}/none"), "bus_unusable")
    with open(f"{pair.folder}/garbage", "wb") as file:
        file.write(pattern(100_000))
    fails(caller.ask(f"open {pair.folder}/garbage"), "bus_unusable")
    same(caller.ask(f"open {pair.bus}"), "ok")


@scenario("schema: told, mismatch")
def _(pair):
    _, caller = pair.both()
    same(caller.ask("schema point"), f"ok {hexed('{x:i32@0,y:i32@4}8/4->i32')}")
    same(caller.ask("call point x0200000028000000 schema={x:i32@0,y:i32@4}8/4->i32"), "ok x2a000000")
    for other in ("{x:i32@0,z:i32@4}8/4->i32", "{x:i32@0,y:u32@4}8/4->i32", "{x:i32@0,y:i32@4}8/4->none"):
        fails(caller.ask(f"call point 8* schema={other}"), "type_mismatch")


@scenario("schema: growth")
def _(pair):
    _, caller = pair.both()
    same(caller.ask("call grown x05000000 schema={a:u32@0}4/4->u32"), "ok x05000000")
    same(caller.ask("call grown x05000000000000000700000001000000 "
                    "schema={a:u32@0,b:opt<u32>@8}16/8->u32"), "ok x0c000000")
    same(caller.ask("call grown x05000000000000000700000000000000 "
                    "schema={a:u32@0,b:opt<u32>@8}16/8->u32"), "ok x05000000")


@scenario("deadline: travels")
def _(pair):
    _, caller = pair.both()
    words = caller.ask("call remaining - timeout=30000").split()
    assert 0 < int(text(words[1])) <= 30_000, words


@scenario("deadline: inherited", "inherits")
def _(pair):
    _, caller = pair.both()
    # Both end at the same moment: the caller has its own deadline, or the answer of the handler.
    got = started(caller, "call nested -", 150)
    assert got.kind == "timed_out" or (got.kind, got.code, got.text[-14:]) == ("rejected", 6, "not_registered"), got
    same(caller.ask("call echo 1*"), "ok x07")  # the nested call ended with its command


@scenario("deadline: passes")
def _(pair):
    handler, caller = pair.both()
    same(started(caller, "call stay -", 100).kind, "timed_out")
    handler.expect("started stay")
    handler.expect("cancelled stay")
    same(caller.ask("call echo 1*"), "ok x07")


@scenario("deadline: nobody there")
def _(pair):
    _, caller = pair.both()
    got = fails(caller.ask("call absent - timeout=50 vacant=wait"), "not_registered", may_have_run=0)
    assert "in time" in got.text, got


@scenario("cancel: after the start")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("start stay - timeout=30000"), "ok")
    handler.expect("started stay")
    same(caller.ask("cancel"), "ok")
    handler.expect("cancelled stay")
    got = failure(caller.ask("wait"))
    assert got.may_have_run == 1 and (got.kind, got.code) in (("rejected", 9), ("cancelled", 0)), got


@scenario("cancel: before the start")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("call echo 1*"), "ok x07")
    handler.stop()
    same(caller.ask("start tally - timeout=30000"), "ok")
    same(caller.ask("cancel"), "ok")
    handler.go_on()
    fails(caller.ask("wait"), "cancelled", may_have_run=0)
    same(caller.ask("call total -"), f"ok {hexed('0')}")


@scenario("kill the handler: after the start")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("start stay - timeout=30000"), "ok")
    handler.expect("started stay")
    handler.kill()
    fails(caller.ask("wait"), "handler_died_after_start", may_have_run=1)
    pair.handler(peer=pair.caller_peer)
    same(caller.ask("call echo 1*"), "ok x07")


@scenario("kill the handler: before the start")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("call echo 1*"), "ok x07")
    handler.stop()
    same(caller.ask("start tally - timeout=30000"), "ok")
    handler.kill()
    fails(caller.ask("wait"), "handler_died_before_start", may_have_run=0)


@scenario("kill the handler: the next one runs it")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("call echo 1* vacant=wait"), "ok x07")
    handler.stop()
    same(caller.ask("send tally 4*"), "ok")
    handler.kill()
    pair.handler(peer=pair.caller_peer)  # of the other language
    same(caller.ask("call echo 1* vacant=wait"), "ok x07")
    got = caller.ask("call total -")
    assert got in (f"ok {hexed('1')}", f"ok {hexed('0')}"), got
    if got == f"ok {hexed('0')}":  # then its sender was told, and nothing else runs
        same(caller.ask("send tally 4*"), "ok")
        same(caller.ask("call total -"), f"ok {hexed('1')}")


@scenario("kill the caller: after the start", "gone")
def _(pair):
    handler, caller = pair.both()
    caller.say("call stay - timeout=60000")
    handler.expect("started stay")
    caller.kill()
    second = pair.caller()
    second.say("call echo 1* timeout=60000")  # a call that waits notices the death
    handler.expect("gone stay")
    same(second.line(), "ok x07")


@scenario("kill the caller: before the start")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("call echo 1*"), "ok x07")
    handler.stop()
    same(caller.ask("send tally 4*"), "ok")
    caller.kill()
    handler.go_on()
    second = pair.caller()
    for _ in range(1000):  # it was committed: it runs, once
        got = second.ask("call total -")
        if got == f"ok {hexed('1')}":
            return
    raise AssertionError(got)


@scenario("pause of the handler")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("call echo 1*"), "ok x07")
    handler.stop()
    fails(caller.ask("call tally - timeout=100"), "timed_out", may_have_run=0)
    handler.go_on()
    same(caller.ask("call total -"), f"ok {hexed('0')}")


@scenario("pause of the caller")
def _(pair):
    handler, caller = pair.both()
    caller.say("call stay - timeout=3000")
    handler.expect("started stay")
    caller.stop()
    same(pair.caller().ask("send tally -"), "ok")  # others are not held up
    caller.go_on()
    handler.expect("cancelled stay")
    assert failure(caller.line()).kind in ("timed_out", "rejected")


@scenario("takeover by the other language", "takeover")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("send tally -"), "ok")
    for _ in range(20):
        same(caller.ask("start echo 40* timeout=30000"), "ok")
    pair.handler("take-over", peer=pair.caller_peer)
    handler.expect("replaced")
    same(handler.wait(), 0)
    for _ in range(20):
        same(caller.ask("wait"), f"ok {shown(pattern(40))}")
    same(caller.ask("call total -"), f"ok {hexed('0')}")  # of the new process


@scenario("a group of both languages")
def _(pair):
    first, second = pair.handler("join"), pair.handler("join", peer=pair.caller_peer)
    caller = pair.caller()
    for _ in range(50):
        same(caller.ask("call echo 9*"), f"ok {shown(pattern(9))}")
    first.kill()
    same(caller.ask("call echo 9* vacant=wait"), f"ok {shown(pattern(9))}")
    same(second.terminate(), 0)


@scenario("the handler ends in good order")
def _(pair):
    handler, caller = pair.both()
    same(caller.ask("call echo 1*"), "ok x07")
    same(handler.terminate(), 0)
    fails(caller.ask("call echo 1*"), "not_registered", may_have_run=0)
    pair.handler()
    same(caller.ask("available echo"), "ok")
    same(caller.ask("call echo 1*"), "ok x07")


@scenario("events", "events")
def _(pair):
    reader, writer = pair.caller(), pair.caller(pair.handler_peer)
    same(reader.ask("subscribe tick slow=hold"), "ok")
    for i in range(1, 21):
        same(writer.ask(f"publish tick {i}* keep=4"), f"ok {i}")
        same(reader.ask("next tick"), f"ok {i} {shown(pattern(i))}")
    same(writer.ask("publish tick -"), "ok 21")
    same(reader.ask("next tick"), "ok 21 -")
    fails(reader.ask("next tick timeout=20"), "timed_out")
    same(reader.ask("missed tick"), "ok 0")


@scenario("events: late, skipped, killed", "events")
def _(pair):
    writer = pair.caller(pair.handler_peer)
    for i in range(1, 11):
        same(writer.ask(f"publish tick {i}* keep=3"), f"ok {i}")
    reader = pair.caller()
    same(reader.ask("subscribe tick from=latest"), "ok")
    same(reader.ask("next tick"), f"ok 10 {shown(pattern(10))}")
    for i in range(11, 400):
        same(writer.ask("publish tick 5*"), f"ok {i}")
    writer.kill()
    sequence = int(reader.ask("next tick").split()[1])
    missed = int(reader.ask("missed tick").split()[1])
    same(missed, sequence - 11)
    second = pair.caller(pair.handler_peer)  # goes on where the dead one ended
    same(second.ask("publish tick 5* keep=3"), "ok 400")


@scenario("events: types", "events")
def _(pair):
    reader, writer = pair.caller(), pair.caller(pair.handler_peer)
    same(writer.ask("publish typed 4* schema={a:i32@0}4/4->none"), "ok 1")
    fails(reader.ask("subscribe typed schema={a:u32@0}4/4->none"), "type_mismatch")
    fails(writer.ask("publish typed 4000*"), "too_large")
    pair.handler()
    fails(writer.ask("publish echo 4*"), "already_registered")


@scenario("stream from the handler", "streams")
def _(pair):
    _, caller = pair.both()
    import zlib
    for count, size in ((0, 8), (1, 0), (3000, 100), (5, 60000)):
        data = pattern(size) * count
        same(caller.ask(f"read out {hexed(f'{count} {size}')} timeout=30000"),
             f"ok {count} {len(data)} {zlib.crc32(data):08x}")


@scenario("stream to the handler", "streams")
def _(pair):
    _, caller = pair.both()
    for count, size in ((0, 8), (1, 0), (3000, 100), (5, 60000)):
        same(caller.ask(f"write in {count} {size} timeout=30000"), f"ok {hexed(f'{count} {count * size}')}")


@scenario("stream both ways", "streams")
def _(pair):
    _, caller = pair.both()
    import zlib
    data = pattern(50) * 300
    same(caller.ask("talk both 300 50 timeout=30000"), f"ok 300 {len(data)} {zlib.crc32(data):08x}")


@scenario("stream: cancelled by the caller", "streams")
def _(pair):
    handler, caller = pair.both()
    line = caller.ask(f"read out {hexed('100000000 64')} stop=10 timeout=30000")
    handler.expect("stopped out cancelled")
    got = failure(line)
    assert got.kind in ("cancelled", "rejected") and got.records == 10, got


@scenario("stream: the handler is killed", "streams")
def _(pair):
    handler, caller = pair.both()
    caller.say(f"read out {hexed('100000000 64')} timeout=60000")
    pair.caller().ask("available echo")
    handler.kill()
    got = failure(caller.line())
    assert got.kind in ("handler_died_after_start", "handler_died_before_start"), got


@scenario("stream: the caller is killed", "streams")
def _(pair):
    handler, caller = pair.both()
    caller.say("write in 100000000 64 timeout=60000")
    second = pair.caller()
    caller.kill()
    same(second.ask("call echo 1* timeout=30000"), "ok x07")  # the handler goes on


@scenario("stream: a record too large", "streams")
def _(pair):
    _, caller = pair.both()
    fails(caller.ask(f"read out {hexed('1 5000')} window=1024"), "rejected", code=8, records=0)
