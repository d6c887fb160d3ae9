"""What the tests of the bridge share: machines (a bus, a bridge, handlers) and servers of the engine,
all on loopback. Each test file is run as: FILE <folder of the programs>."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path("build/release/bin")
ENV = {k: v for k, v in os.environ.items() if k != "SHMBUS_BUS"}
ENV["PATH"] = ENV.get("PATH", "") + ":/usr/sbin"


def eventually(condition, limit=30.0):
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.02)
    return condition()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Program:
    """One that runs beside the test; what it writes to standard error is kept in a file."""

    def __init__(self, *words, log, **options):
        self.log = pathlib.Path(log)
        self.stopped = False
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(w) for w in words], stderr=out, env=ENV, **options)

    def text(self):
        return self.log.read_text(errors="replace")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def end(self, number=signal.SIGKILL, limit=30):
        if self.process.poll() is None:
            self.process.send_signal(number)
            if self.stopped:
                self.resume()
        code = self.process.wait(limit)
        if self.process.stdout:
            self.process.stdout.close()
        return code


def start_server(case, settings="", *flags):
    """A server of the engine of one test; returns its port and the program."""
    port, = free_ports(1)
    file = pathlib.Path(case.path(f"engine-{port}.conf"))
    file.write_text(settings)
    program = Program("nats-server", "-a", "127.0.0.1", "-p", port, "-c", file, *flags,
                      log=case.path(f"engine-{port}"))
    case.addCleanup(program.end)
    case.assertTrue(eventually(lambda: "Server is ready" in program.text()), program.text())
    return port, program


class Machine:
    """A bus, with a bridge and handlers as wanted."""

    def __init__(self, case, name):
        self.case, self.name = case, name
        self.bus = f"/dev/shm/shmbus-test.bridge.{os.getpid()}.{id(case)}.{name}"
        case.addCleanup(lambda: pathlib.Path(self.bus).unlink(missing_ok=True))
        self.bridge = None

    def tool(self, *words, limit=30):
        return subprocess.run([str(BIN / "shmbus"), "--bus", self.bus, *map(str, words)], env=ENV,
                              timeout=limit, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)

    def call(self, name, value=None):
        done = self.tool("call", name, *([] if value is None else [json.dumps(value)]))
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else done.stdout

    def peer(self, what, *words, limit=60):
        done = subprocess.run([str(BIN / "peer_bridge_fleet"), what, self.bus, *map(str, words)], env=ENV,
                              timeout=limit, check=False, text=True, stdout=subprocess.PIPE)
        return done.stdout.strip()

    def serve(self, *names):
        program = Program(BIN / "peer_bridge_fleet", "serve", self.bus, self.name, self.case.ledger, *names,
                          log=self.case.path(f"handlers-{self.name}"), stdout=subprocess.PIPE)
        self.case.addCleanup(program.end)
        self.case.assertEqual(program.process.stdout.readline(), b"ready\n", program.text())
        return program

    def start_bridge(self, *options, server=None):
        words = ["--machine", self.name]
        for url in ([server] if server else self.case.urls):
            words += ["--server", url]
        return self.launch_bridge(*words, *options)

    def start_bridge_with(self, engine, **settings):
        """With a file of configuration; JSON is YAML."""
        file = pathlib.Path(self.case.path(f"bridge-{self.name}.yaml"))
        file.write_text(json.dumps({"machine": self.name, "engine": engine, **settings}))
        return self.launch_bridge("--config", file)

    def launch_bridge(self, *words):
        words = ["--bus", self.bus, *words]
        self.bridge = Program(BIN / "shmbus-bridge", *words,
                              log=self.case.path(f"bridge-{self.name}"))
        self.case.addCleanup(self.bridge.end)
        return self.bridge

    def owners(self):
        """The label of the server of each name here."""
        done = self.tool("ls", "--json")
        try:
            found = json.loads(done.stdout)
        except ValueError:
            return {}
        names = found.get("names", []) if isinstance(found, dict) else found
        return {one["name"]: json.dumps(one) for one in names if one.get("state") == "active"}

    def served(self, name):
        return self.owners().get(name)

    def sees(self, names, owner):
        wanted = [names] if isinstance(names, str) else names

        def seen():
            owners = self.owners()
            return all(owner in owners.get(name, "") for name in wanted)
        self.case.assertTrue(eventually(seen), f"{names} of {owner} at {self.name}: {self.tool('ls').stdout}"
                                               f"{self.bridge.text() if self.bridge else ''}")


class Nats:
    """As much of the engine's protocol as a test needs."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each send at once
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.socket.sendall(b'CONNECT {"verbose":false,"echo":false,"headers":true,"no_responders":true}\r\n')
        self.next = 0

    def subscribe(self, subject):
        self.next += 1
        self.socket.sendall(f"SUB {subject} {self.next}\r\n".encode())

    def publish(self, subject, body, headers=b"", reply=""):
        head = b"NATS/1.0\r\n" + headers + b"\r\n" if headers else b""
        sizes = f"{len(head)} {len(head) + len(body)}" if head else f"{len(body)}"
        self.socket.sendall(f"{'H' if head else ''}PUB {subject} {reply} {sizes}\r\n".encode() + head + body + b"\r\n")

    def receive(self):
        """The next message: subject, subject for the answer or none, headers, body."""
        while True:
            line = self.file.readline().split()
            if line[0] in (b"MSG", b"HMSG"):
                data = self.file.read(int(line[-1]) + 2)[:-2]
                size = int(line[-2]) if line[0] == b"HMSG" else 0
                reply = line[3].decode() if len(line) == (6 if line[0] == b"HMSG" else 5) else None
                return line[1].decode(), reply, data[:size].decode(), data[size:]
            if line[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")

    def ask(self, subject, body=b"", headers=b""):
        """Sends a request; the subject of its answer."""
        inbox = f"_INBOX.test.{self.next + 1}"
        self.subscribe(inbox)
        self.publish(subject, body, headers, inbox)
        return inbox

    def answer(self, inbox):
        while True:
            subject, _, head, body = self.receive()
            if subject == inbox:  # not one more answer to an earlier request
                return head, body

    def request(self, subject, body=b"", headers=b""):
        return self.answer(self.ask(subject, body, headers))

    def close(self):
        self.file.close()
        self.socket.close()


class FleetCase(unittest.TestCase):
    """The servers of the engine run for all tests of a class; buses and bridges for one test."""
    servers = 1

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="shmbus-engine-")
        cls.addClassCleanup(folder.cleanup)
        cls.engine_folder = folder.name
        ports = free_ports(2 * cls.servers)
        cls.ports, cls.cluster = ports[:cls.servers], ports[cls.servers:]
        cls.urls = [f"nats://127.0.0.1:{port}" for port in cls.ports]
        cls.engines = [cls.launch_engine(number) for number in range(cls.servers)]
        for number in range(cls.servers):
            cls.await_engine(number)

    @classmethod
    def launch_engine(cls, number):
        words = ["nats-server", "-a", "127.0.0.1", "-p", cls.ports[number], "-n", f"s{number}"]
        if cls.servers > 1:
            routes = ",".join(f"nats://127.0.0.1:{port}" for port in cls.cluster)
            words += ["--cluster_name", "test", "--cluster", f"nats://127.0.0.1:{cls.cluster[number]}",
                      "--routes", routes]
        log = os.path.join(cls.engine_folder, f"engine-{number}")
        pathlib.Path(log).unlink(missing_ok=True)
        program = Program(*words, log=log)
        cls.addClassCleanup(program.end)
        return program

    @classmethod
    def await_engine(cls, number):
        program = cls.engines[number]
        assert eventually(lambda: "Server is ready" in program.text()), program.text()

    def start_engine(self, number):
        self.engines[number] = self.launch_engine(number)
        self.await_engine(number)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="shmbus-bridge-")
        self.addCleanup(self.folder.cleanup)
        self.ledger = self.path("ledger")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def entries(self):
        """Of the ledger: id, machine, ns that were left before the deadline."""
        text = pathlib.Path(self.ledger).read_text() if os.path.exists(self.ledger) else ""
        return [(int(a), b, int(c)) for a, b, c in (line.split() for line in text.splitlines())]


def main():
    unittest.main(verbosity=2)
