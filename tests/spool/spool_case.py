"""What the tests of the spool share: a bus, a spool with a file of its own, a handler with a database
of effects, and senders. Each test file is run as: FILE <folder of the programs>."""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path("build/release/bin")
ENV = {k: v for k, v in os.environ.items() if k != "SHMBUS_BUS"}
FAULTS = BIN / "spool_faults.so"


def eventually(condition, limit=60.0):
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.01)
    return condition()


def make_outbox(box, first=""):
    schema = pathlib.Path(__file__).parents[2] / "spool/include/shmbus/spool/outbox.hpp"
    text = schema.read_text().split("outbox_sql =")[1].split(";\n\n")[0]
    app = sqlite3.connect(box, isolation_level=None)
    if first:
        app.execute(first)
    app.execute("PRAGMA journal_mode=WAL")
    app.executescript("".join(part for part in text.split('"')[1::2]))
    return app


def add_row(app, number, key="k"):
    app.execute("INSERT INTO shmbus_outbox(name,key,body) VALUES('test.put',?,?)",
                (key, number.to_bytes(8, "little") + bytes(8)))


def rows_of(app):
    return app.execute("SELECT count(*) FROM shmbus_outbox").fetchone()[0]


class Program:
    """One that runs beside the test; what it writes to standard error is kept in a file."""

    def __init__(self, *words, log, env=None, **options):
        self.log = pathlib.Path(log)
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(w) for w in words], stderr=out,
                                            env={**ENV, **(env or {})}, **options)

    def text(self):
        return self.log.read_text(errors="replace")

    def end(self, number=signal.SIGKILL, limit=60):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(limit)
        if self.process.stdout:
            self.process.stdout.close()
        return code


class SpoolCase(unittest.TestCase):
    """A bus, a spool and a handler of a test's own; the test starts what it needs."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="shmbus-spool-")
        self.addCleanup(self.folder.cleanup)
        self.bus = f"/dev/shm/shmbus-test.spool.{os.getpid()}.{id(self)}"
        self.addCleanup(lambda: pathlib.Path(self.bus).unlink(missing_ok=True))
        self.file = self.path("spool.db")
        self.effects_db = self.path("effects.db")
        self.ledger = self.path("ledger")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def config(self, text=""):
        body = f"bus: {self.bus}\nfile: {self.file}\n{text}"
        pathlib.Path(self.path("spool.yaml")).write_text(body)
        return self.path("spool.yaml")

    def start_spool(self, text="", env=None, ready=True):
        program = Program(BIN / "shmbus-spool", "--config", self.config(text),
                          log=self.path("spool.log"), env=env)
        self.addCleanup(program.end)
        if ready:
            seen = program.text().count("spooling")
            self.assertTrue(eventually(lambda: program.process.poll() is not None
                                       or self.stat() is not None), program.text())
            self.assertIsNone(program.process.poll(), program.text() + str(seen))
        return program

    def start_handler(self):
        program = Program(BIN / "peer_spool_peer", "handle", self.bus, self.effects_db,
                          log=self.path("handler.log"), stdout=subprocess.PIPE)
        self.addCleanup(program.end)
        self.assertEqual(program.process.stdout.readline(), b"ready\n", program.text())
        return program

    def start_sender(self, first, last, keys=4):
        program = Program(BIN / "peer_spool_peer", "send", self.bus, self.ledger, first, last, keys,
                          log=self.path("sender.log"), stdout=subprocess.DEVNULL)
        self.addCleanup(program.end)
        return program

    def send(self, first, last, keys=4):
        sender = self.start_sender(first, last, keys)
        self.assertEqual(sender.process.wait(120), 0, sender.text())

    def tool(self, *words, code=0):
        done = subprocess.run([str(BIN / "shmbus"), "--bus", self.bus, *map(str, words)], env=ENV,
                              capture_output=True, text=True, timeout=120, check=False)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def stat(self):
        """What the spool says of itself; None while it does not run."""
        done = subprocess.run([str(BIN / "shmbus"), "--json", "--bus", self.bus, "spool", "stat"],
                              env=ENV, capture_output=True, text=True, timeout=120, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def put(self, name, text, key="", number=1):
        request = {"id_high": 1, "id_low": number, "type_hash": 0, "request_bytes": 0,
                   "reply_bytes": 0, "name": name, "key": key, "types": "",
                   "body": list(text.encode())}
        return json.loads(self.tool("call", "spool.put", json.dumps(request)))

    def listed(self, dead=False):
        request = {"after": 0, "most": 100, "dead": dead, "bodies": True, "name": ""}
        return json.loads(json.loads(self.tool("call", "spool.list", json.dumps(request)))["json"])

    def repair(self, file, code, **env):
        done = subprocess.run([BIN / "shmbus-spool", "--file", file, "--repair"],
                              env={**ENV, **env}, capture_output=True, text=True, timeout=60, check=False)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def outbox(self, first=""):
        """Its path, in a folder of its own, and the program's connection."""
        folder = tempfile.TemporaryDirectory(prefix="shmbus-outbox-")
        self.addCleanup(folder.cleanup)
        box = os.path.join(folder.name, "app.db")
        app = make_outbox(box, first)
        self.addCleanup(app.close)
        return box, app

    def accepted(self):
        if not os.path.exists(self.ledger):
            return []
        return [int(line) for line in pathlib.Path(self.ledger).read_text().split()]

    def rows(self, sql):
        if not os.path.exists(self.effects_db):
            return []
        db = sqlite3.connect(self.effects_db, timeout=60)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def judge(self):
        """Every accepted command had its effect, once; the order of each key is kept."""
        accepted = set(self.accepted())
        self.assertTrue(eventually(
            lambda: accepted <= {n for n, in self.rows("SELECT number FROM effects")}, 120),
            f"lost: {sorted(accepted - {n for n, in self.rows('SELECT number FROM effects')})[:20]}")
        effects = self.rows("SELECT number, key FROM effects ORDER BY at")
        numbers = [number for number, _ in effects]
        self.assertEqual(len(numbers), len(set(numbers)), "an effect happened twice")
        for key in {key for _, key in effects}:
            order = [n for n, k in effects if k == key and n in accepted]
            self.assertEqual(order, sorted(order), f"order of key {key}")
        return effects


def main():
    unittest.main(verbosity=2)
