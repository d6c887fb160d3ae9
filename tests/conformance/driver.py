"""Starts peers, and talks with them: README.md."""
from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
import typing
import zlib

LIMIT = 150.0  # seconds that anything may take on a busy machine


class PeerFailed(Exception):
    """A peer ended, or said nothing in time."""


class Peer(typing.NamedTuple):
    name: str
    command: list[str]
    features: frozenset[str]


def pattern(size):
    return bytes((i * 31 + 7) & 255 for i in range(size))


def text(word):
    return b"" if word == "-" else bytes.fromhex(word[1:])


def shown(data):
    """DATA as answers show it."""
    if len(data) > 128:
        return f"{len(data)}:{zlib.crc32(data):08x}"
    return "x" + data.hex() if data else "-"


class Failure(typing.NamedTuple):
    kind: str
    code: int
    may_have_run: int
    needed: int
    text: str
    causes: list[tuple[str, int, str]]
    records: int


def failure(line):
    words = line.split()
    assert words[:1] == ["error"], f"an error was expected: {line}"
    named = dict(word.split("=", 1) for word in words[2:])
    causes = [] if named["causes"] == "-" else [
        (kind, int(code), text(name).decode()) for kind, code, name in
        (one.split(":") for one in named["causes"].split(","))]
    return Failure(words[1], int(named["code"]), int(named["may_have_run"]), int(named["needed"]),
                   text(named["text"]).decode(errors="replace"), causes, int(named.get("records", -1)))


class Process:
    """One peer that runs. Its lines are read by a thread, so that waits have a limit."""

    def __init__(self, name, words, story):
        self.name, self.story = name, story
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        bufsize=1, env={**os.environ, "PYTHONUNBUFFERED": "1"})
        self.lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self):
        """The next line."""
        try:
            line = self.lines.get(timeout=LIMIT)
        except queue.Empty:
            raise PeerFailed(f"{self.name} said nothing for {LIMIT:.0f} s") from None
        self.story.append(f"{self.name} > {'(it ended)' if line is None else line[:200]}")
        if line is None:
            self.lines.put(None)
            raise PeerFailed(f"{self.name} ended with {self.process.wait()}")
        return line

    def expect(self, wanted):
        line = self.line()
        assert line == wanted, f"{self.name}: {line!r} instead of {wanted!r}"

    def say(self, command):
        self.story.append(f"{self.name} < {command[:200]}")
        self.process.stdin.write(command + "\n")

    def ask(self, command):
        self.say(command)
        return self.line()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def _state(self):
        """Of the process, as the kernel shows it."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]

    def stop(self):
        """SIGSTOP; returns once all of it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + LIMIT
        while self._state() not in ("T", "t"):
            assert time.monotonic() < until, f"{self.name} does not stop"
            time.sleep(0.001)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def terminate(self):
        """SIGTERM; returns its exit code."""
        self.process.terminate()
        return self.wait()

    def wait(self):
        try:
            return self.process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"{self.name} did not end") from None

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Pair:
    """A bus of its own, and the processes on it."""

    def __init__(self, caller, handler, folder):
        self.folder, self.bus = folder, f"{folder}/bus"
        self.caller_peer, self.handler_peer = caller, handler
        self.story: list[str] = []
        self.processes: list[Process] = []

    def _start(self, name, words, ready="ready"):
        process = Process(name, words, self.story)
        self.processes.append(process)
        if ready:
            process.expect(ready)
        return process

    def handler(self, how="new", peer=None, ready="ready"):
        peer = peer or self.handler_peer
        return self._start(f"handler {peer.name}", [*peer.command, "handle", self.bus, how], ready)

    def caller(self, peer=None):
        peer = peer or self.caller_peer
        return self._start(f"caller {peer.name}", [*peer.command, "call", self.bus])

    def both(self):
        handler = self.handler()
        return handler, self.caller()

    def end(self):
        for process in self.processes:
            process.end()
