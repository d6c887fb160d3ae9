"""What the tests of the gateway share: a bus with handlers, a gateway in front of it, and clients
that speak HTTP well (http.client) or as badly as a test wants (raw sockets).

Each test file is run as: FILE <folder of the programs>."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path("build/release/bin")
ENV = {k: v for k, v in os.environ.items() if k != "SHMBUS_BUS"}


def eventually(condition, limit=20.0):
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.01)
    return condition()


class Program:
    """One that runs beside the test; what it writes to standard error is kept in a file."""

    def __init__(self, *words, log, **options):
        self.log = pathlib.Path(log)
        with open(log, "wb") as out:
            self.process = subprocess.Popen([str(w) for w in words], stderr=out, env=ENV, **options)

    def text(self):
        return self.log.read_text(errors="replace")

    def end(self, number=signal.SIGKILL, limit=30):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(limit)
        if self.process.stdout:
            self.process.stdout.close()
        return code


class Raw:
    """A connection on which bytes are sent as they are."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(address)
        self.rest = b""

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def more(self):
        try:
            part = self.socket.recv(65536)
        except ConnectionResetError:
            part = b""
        self.rest += part
        return bool(part)

    def until(self, mark):
        while mark not in self.rest:
            if not self.more():
                raise EOFError(f"ended before {mark!r}: {self.rest!r}")
        at = self.rest.index(mark) + len(mark)
        out, self.rest = self.rest[:at], self.rest[at:]
        return out

    def answer(self):
        """Status, head, body of one answer that has a length."""
        head = self.until(b"\r\n\r\n").decode()
        status = int(head.split(" ")[1])
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        size = int(length[1]) if length else 0
        while len(self.rest) < size and self.more():
            pass
        body, self.rest = self.rest[:size], self.rest[size:]
        return status, head, body

    def all(self):
        while self.more():
            pass
        return self.rest

    def closed(self):
        """Whether the other side ends it, without another byte."""
        return self.all() == b""

    def close(self):
        self.socket.close()


class GatewayCase(unittest.TestCase):
    """A bus, handlers and a gateway of a test's own."""

    config = None  # YAML behind "bus:" and "listen:"; None: --allow '*'
    listen = "  - tcp: 127.0.0.1:0\n"

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="shmbus-gateway-")
        self.addCleanup(self.folder.cleanup)
        self.bus = f"/dev/shm/shmbus-test.gateway.{os.getpid()}.{id(self)}"
        self.addCleanup(lambda: pathlib.Path(self.bus).unlink(missing_ok=True))
        self.handlers = self.start_handlers()
        self.gateway = self.start_gateway()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start_handlers(self):
        program = Program(BIN / "peer_gateway_handlers", self.bus, log=self.path("handlers"),
                          stdout=subprocess.PIPE)
        self.addCleanup(program.end)
        self.assertEqual(program.process.stdout.readline(), b"ready\n", program.text())
        return program

    def write_config(self, text):
        listen = self.listen.replace("FOLDER", self.folder.name)
        body = f"bus: {self.bus}\nlisten:\n{listen}{text}".replace("FOLDER", self.folder.name)
        pathlib.Path(self.path("gateway.yaml")).write_text(body)
        return self.path("gateway.yaml")

    def start_gateway(self, *more):
        options = (["--bus", self.bus, "--listen", "127.0.0.1:0", "--allow", "*"]
                   if self.config is None else ["--config", self.write_config(self.config)])
        program = Program(BIN / "shmbus-gateway", *options, *more, log=self.path("log"))
        self.addCleanup(program.end)
        eventually(lambda: "listening" in program.text() or program.process.poll() is not None)
        found = re.search(r"at=127\.0\.0\.1:(\d+)", program.text())
        if found:
            self.address = ("127.0.0.1", int(found[1]))
        return program

    def raw(self, address=None):
        connection = Raw(address or self.address)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, **fields):
        """Status, fields, body."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            headers = {k.replace("_", "-"): v for k, v in fields.items()}
            connection.request(method, path, body, headers)
            got = connection.getresponse()
            return got.status, got.headers, got.read()
        finally:
            connection.close()

    def call(self, name, value=None, **fields):
        """Status and the JSON of the answer."""
        body = None if value is None else json.dumps(value)
        fields.setdefault("Content_Type", "application/json")
        status, _, text = self.ask("POST", "/call/" + name, body, **fields)
        return status, json.loads(text) if text else None


def main():
    unittest.main(verbosity=2)
