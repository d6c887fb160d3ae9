"""Scenarios: events and streams."""
import time
import zlib

from driver import failure, pattern, shown
from scenario import fails, hexed, same, scenario


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
    for patience in (0.05, 0.5, 5):  # nothing shows that the stream is open: a kill may come before
        handler, caller = pair.both()
        caller.say(f"read out {hexed('100000000 64')} timeout=60000")
        time.sleep(patience)
        handler.kill()
        got = failure(caller.line())
        if got.kind != "not_registered":
            break
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
