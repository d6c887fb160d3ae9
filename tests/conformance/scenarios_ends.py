"""Scenarios: how commands and processes end: deadlines, cancellation, kills, pauses, successors."""
from driver import failure, pattern, shown, text
from scenario import fails, hexed, same, scenario, started


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
    answer = got.kind, got.code, got.text[-14:]
    assert got.kind == "timed_out" or answer == ("rejected", 6, "not_registered"), got
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
