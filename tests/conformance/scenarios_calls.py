"""Scenarios: values, errors by kind, schemas."""
from driver import pattern, shown
from scenario import fails, hexed, same, scenario

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
