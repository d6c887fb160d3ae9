#!/usr/bin/env python3
"""The peer of Python: README.md says what it does. Where the package has no public function for
something that the page asks, such as a caller that fails when there is no room, this uses the
extension module below it."""
import signal
import sys
import threading
import time
import zlib

import shmbus
from shmbus import _native

FEATURES = "calls loans inherits"
NOT_PERMITTED, INVALID_ARGUMENT = 10, 13
OUTPUT = threading.Lock()


def say(line):
    with OUTPUT:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def pattern(size):
    return bytes((i * 31 + 7) & 255 for i in range(min(size, 256))) * (size // 256 + 1)


def parse(word):
    if word == "-":
        return b""
    if word.startswith("x"):
        return bytes.fromhex(word[1:])
    size = int(word.rstrip("*"))
    return pattern(size)[:size]


def show(data):
    if len(data) > 128:
        return f"{len(data)}:{zlib.crc32(data):08x}"
    return "x" + bytes(data).hex() if data else "-"


def error_line(error):
    causes = ",".join(f"{c.kind}:{c.code}:{show(c.command.encode())}" for c in error.causes)
    return (f"error {error.kind} code={error.code} may_have_run={int(error.may_have_run)} "
            f"needed={error.needed} text={show_all(str(error))} causes={causes or '-'}")


def show_all(text):
    return "x" + text.encode(errors="replace").hex() if text else "-"


# ---- The handler ----

class Handlers:
    """Bytes in, bytes or None out; `command` is the extension module's."""

    def __init__(self, bus):
        self.tally = 0
        self.never = bus.caller("stay.never", wait=True)

    def echo(self, request, command):
        return request

    def refuse(self, request, command):
        command.reject(42, "nein: größer")

    def forbid(self, request, command):
        command.refuse(NOT_PERMITTED, 7, "not you")

    def because(self, request, command):
        command.reject(5, "below")

    def stay(self, request, command):
        say("started stay")
        while not command.cancelled():
            time.sleep(0.001)
        say("cancelled stay")
        command.reject(9, "stopped")

    def remaining(self, request, command):
        left = shmbus.Command(command).remaining
        return b"none" if left == float("inf") else str(int(left * 1000)).encode()

    def nested(self, request, command):
        try:
            self.never(b"", timeout=float("inf"))
        except shmbus.Error as error:
            command.reject(6, error.kind)

    def who(self, request, command):
        return str(command.caller()[0]).encode()

    def count(self, request, command):
        self.tally += 1

    def total(self, request, command):
        return str(self.tally).encode()

    def point(self, request, command):
        if len(request) != 8:
            return command.refuse(INVALID_ARGUMENT, 0, "no point")
        total = sum(int.from_bytes(request[i:i + 4], "little", signed=True) for i in (0, 4))
        return total.to_bytes(4, "little", signed=True)

    def grown(self, request, command):
        total = int.from_bytes(request[:4], "little")
        if len(request) >= 16 and request[12] == 1:
            total += int.from_bytes(request[8:12], "little")
        return total.to_bytes(4, "little")


def handle(path, how):
    bus = shmbus.Bus(path)
    server = bus._native.server(None, 0)
    own = Handlers(bus)

    def register(name, function, schema=None):
        def run(command):
            answer = function(command.request(), command)
            if answer is not None:
                command.reply(answer)
        server.on(name, run, schema, how == "join")

    for name in ("echo", "refuse", "forbid", "because", "stay", "remaining", "nested", "who", "total"):
        register(name, getattr(own, name))
    register("größe.エコー", own.echo)
    register("tally", own.count)
    register("point", own.point, "{x:i32@0,y:i32@4}8/4->i32")
    register("grown", own.grown, "{a:u32@0,b:opt<u32>@8}16/8->u32")
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    say("ready")
    while not stopping:
        server.run(20_000_000)
    server.close()


# ---- The caller ----

class Caller:
    def __init__(self, path):
        self.bus = shmbus.Bus(path)
        self.pending = []

    def make(self, words, options):
        return self.bus._native.caller(words[1], options.get("schema"), options.get("vacant") == "wait",
                                       options.get("full") == "fail", 0)

    def start(self, words, options):
        caller, data = self.make(words, options), parse(words[2])
        room, limit = int(options.get("room", 65536)), timeout(options)
        if words[0] == "loan":
            loan = caller.loan(len(data), room)
            with memoryview(loan) as memory:
                memory[:] = data
            return loan.start(limit)
        return caller.start(data, room, limit)

    def do_call(self, words, options):
        caller = self.make(words, options)
        return "ok " + show(caller.call(parse(words[2]), int(options.get("room", 65536)), timeout(options)))

    def do_loan(self, words, options):
        return "ok " + show(bytes(self.start(words, options).wait()))

    def do_send(self, words, options):
        self.make(words, options).send(parse(words[2]), timeout(options))
        return "ok"

    def do_start(self, words, options):
        self.pending.append(self.start(words, options))
        return "ok"

    def do_cancel(self, words, options):
        self.pending[0].cancel()
        return "ok"

    def do_wait(self, words, options):
        return "ok " + show(bytes(self.pending.pop(0).wait()))

    def do_fill(self, words, options):
        caller = self.make(words, {**options, "full": "fail"})
        data, started = pattern(int(words[2]))[:int(words[2])], []
        while True:
            try:
                started.append(caller.start(data, 65536, timeout(options)))
            except shmbus.Error as error:
                for one in started:
                    one.cancel()
                return f"ok {len(started)} {error_line(error)}"

    def do_available(self, words, options):
        self.bus.wait_until_available(words[1], timeout(options) / 1e9)
        return "ok"

    def do_schema(self, words, options):
        return "ok " + show_all(self.bus.schema(words[1]))

    def do_register(self, words, options):
        server = self.bus._native.server(None, 0)
        try:
            server.on(words[1], lambda command: None, options.get("schema"), False)
        finally:
            server.close()
        return "ok"

    def do_open(self, words, options):
        shmbus.Bus(words[1], create=False).close()
        return "ok"

    def do_caller(self, words, options):
        self.make(words, options)
        return "ok"

    def obey(self, line):
        words, options = [], {}
        for word in line.split():
            name, equals, value = word.partition("=")
            if equals and words and not word.startswith("x"):
                options[name] = value
            else:
                words.append(word)
        try:
            return getattr(self, "do_" + words[0])(words, options)
        except shmbus.Error as error:
            return error_line(error)


def timeout(options):
    return int(options.get("timeout", 5000)) * 1_000_000


def call(path):
    caller = Caller(path)
    say("ready")
    for line in sys.stdin:
        say(caller.obey(line))


def main():
    arguments = sys.argv[1:]
    try:
        if arguments == ["features"]:
            say(FEATURES)
        elif len(arguments) == 3 and arguments[0] == "handle":
            handle(*arguments[1:])
        elif len(arguments) == 2 and arguments[0] == "call":
            call(arguments[1])
        else:
            sys.exit("see tests/conformance/README.md")
    except shmbus.Error as error:
        say(error_line(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
