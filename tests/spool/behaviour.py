#!/usr/bin/env python3
"""What a spool does: stores, waits, retries, buries, obeys its rules."""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import urllib.request

from spool_case import BIN, ENV, SpoolCase, eventually, main


class Behaviour(SpoolCase):
    def test_waits_for_its_handler_over_a_kill(self):
        spool = self.start_spool()
        self.send(1, 20)
        self.assertEqual(len(self.accepted()), 20)
        spool.end()
        self.start_spool()
        self.assertEqual(self.stat()["waiting"], 20)
        self.start_handler()
        self.assertEqual(len(self.judge()), 20)
        self.assertTrue(eventually(lambda: self.stat()["waiting"] == 0))

    def test_the_same_id_is_stored_once(self):
        self.start_spool()
        first = self.put("nobody.home", "x", number=7)
        again = self.put("nobody.home", "x", number=7)
        self.assertFalse(first["repeated"])
        self.assertTrue(again["repeated"])
        self.assertEqual(self.stat()["waiting"], 1)

    def test_what_is_refused_becomes_a_dead_letter_and_can_be_retried(self):
        self.start_spool()
        self.start_handler()
        body = "\0" * 16
        self.put("test.no", body, key="k")
        self.assertTrue(eventually(lambda: self.stat()["dead"] == 1))
        letter = self.listed(dead=True)["commands"][0]
        self.assertIn("rejected 7: no", letter["cause"])
        self.assertEqual(letter["attempts"], 1)
        change = {"sequence": letter["sequence"], "action": "retry", "name": ""}
        self.assertEqual(json.loads(self.tool("call", "spool.change", json.dumps(change))),
                         {"changed": 1})
        self.assertTrue(eventually(lambda: self.stat()["buried"] == 2))
        change["action"] = "drop"
        self.tool("call", "spool.change", json.dumps(change))
        self.assertEqual(self.stat()["dead"], 0)

    def test_a_dead_letter_blocks_its_key_where_that_is_asked_for(self):
        self.start_spool("delivery: {dead_blocks_key: true}\n")
        self.start_handler()
        self.put("test.no", "\0" * 16, key="key-1", number=1)
        self.assertTrue(eventually(lambda: self.stat()["dead"] == 1))
        self.put("test.put", "\0" * 16, key="key-1", number=2)
        self.put("test.put", "\0" * 16, key="key-2", number=3)
        self.assertTrue(eventually(lambda: self.stat()["delivered"] == 1))
        self.assertEqual(self.stat()["waiting"], 1)
        change = {"sequence": 1, "action": "drop", "name": ""}
        self.tool("call", "spool.change", json.dumps(change))
        self.assertTrue(eventually(lambda: self.stat()["waiting"] == 0))

    def test_more_names_than_callers(self):
        """A caller of each name would hold a lane of the bus for ever."""
        self.start_spool()
        self.start_handler()
        for turn in range(2):
            for name in range(40):
                self.put(f"many.{name}", "x", number=turn * 40 + name + 1)
            self.assertTrue(eventually(lambda: self.stat()["delivered"] == 40 * (turn + 1)))
        lanes = json.loads(self.tool("--json", "ps"))
        held = [one["lanes"] for one in lanes["participants"] if one["label"] == "shmbus-spool"]
        self.assertEqual(len(held), 1, lanes)
        self.assertLessEqual(held[0], 33, lanes)

    def test_names_and_types_have_limits(self):
        self.start_spool()
        done = subprocess.run([BIN / "peer_spool_peer", "learn", self.bus, "5000"], env=ENV,
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, f"1024 {4096 - 1024}\n"), done.stderr)
        request = {"id_high": 1, "id_low": 1, "type_hash": 0, "request_bytes": 0, "reply_bytes": 0,
                   "name": "name.5000", "key": "", "types": "", "body": []}
        self.tool("call", "spool.put", json.dumps(request), code=7)  # overloaded
        self.put("name.0", "a name that it knows", number=2)
        self.assertEqual(self.stat()["waiting"], 4097)

    def test_the_tool(self):
        spool = self.start_spool()
        self.start_handler()
        self.assertEqual(self.tool("doctor", code=None).count("spool-"), 0)
        known = "0123456789abcdef0123456789abcdef"
        sent = self.tool("spool", "send", "nobody.home", "--text", "hello", "--key", "k",
                         "--id", known)
        self.assertEqual(sent, known + "\n")
        self.tool("spool", "send", "nobody.home", "--text", "hello", "--id", known)
        self.tool("spool", "send", "test.no", "--hex", "00" * 16)
        self.assertTrue(eventually(lambda: self.stat()["dead"] == 1))
        waiting = json.loads(self.tool("--json", "spool", "ls"))["commands"]
        self.assertEqual([(one["name"], one["id"], one["key"]) for one in waiting],
                         [("nobody.home", known, "k")])
        self.assertIn("nobody.home", self.tool("spool", "ls"))
        self.assertIn("rejected 7: no", self.tool("spool", "ls", "--dead"))
        self.assertNotIn("nobody.home", self.tool("spool", "ls", "other"))
        shown = json.loads(self.tool("spool", "show", waiting[0]["sequence"]))
        self.assertEqual(bytes.fromhex(shown["hex"]), b"hello")
        exported = self.tool("spool", "export", "--dead").splitlines()
        self.assertEqual([json.loads(one)["name"] for one in exported], ["test.no"])
        self.assertIn("nobody.home: 1 waiting, not served", self.tool("spool", "stat"))
        self.assertIn("spool-dead-letters", self.tool("doctor", code=None))
        self.assertIn("1 ", self.tool("spool", "retry", "--all", "--name", "test.no"))
        self.assertTrue(eventually(lambda: self.stat()["buried"] == 2))
        self.tool("spool", "drop", "--all")
        self.tool("spool", "drop", waiting[0]["sequence"])
        stat = self.stat()
        self.assertEqual((stat["waiting"], stat["dead"]), (0, 0))
        self.tool("spool", "drop", waiting[0]["sequence"], code=2)
        self.tool("spool", "show", 99, code=2)
        self.tool("spool", "drop", code=64)
        spool.end()
        self.assertTrue(eventually(
            lambda: "spool-away" in self.tool("doctor", code=None)))

    def test_limits(self):
        self.start_spool("limits: {commands: 2}\n")
        self.put("a", "1", number=1)
        self.put("a", "2", number=2)
        request = {"id_high": 1, "id_low": 3, "type_hash": 0, "request_bytes": 0, "reply_bytes": 0,
                   "name": "a", "key": "", "types": "", "body": []}
        self.tool("call", "spool.put", json.dumps(request), code=7)  # overloaded
        self.assertEqual(self.stat()["refused"], 1)

    def test_age(self):
        self.start_spool("limits: {age: 1s}\n")
        self.put("nobody.home", "x")
        self.assertTrue(eventually(lambda: self.stat()["dead"] == 1))
        self.assertIn("expired", self.listed(dead=True)["commands"][0]["cause"])

    def test_rules(self):
        self.start_spool("rules:\n"
                         "  - {match: {name: 'noise.*'}, drop: true}\n"
                         "  - {match: {name: 'level'}, keep_last: true}\n"
                         "  - {match: {name: 'old'}, rename: new}\n"
                         "  - {match: {name: 'alarm'}, call: test.put, event: alarm.raised}\n")
        self.start_handler()
        self.put("noise.a", "x", number=1)
        for number in (2, 3, 4):
            self.put("level", str(number), key="tank-1", number=number)
        self.put("old", "x", number=5)
        self.put("alarm", "\x09" + "\0" * 15, number=6)
        listed = [(one["name"], one["hex"]) for one in self.listed()["commands"]]
        self.assertEqual(listed, [("level", b"4".hex()), ("new", b"x".hex()),
                                  ("alarm", (b"\x09" + bytes(15)).hex())])
        self.assertTrue(eventually(lambda: self.rows("SELECT number FROM effects") == [(9,)]))
        rules = self.stat()["rules"]
        self.assertEqual((rules["dropped"], rules["replaced"], rules["calls"], rules["events"]),
                         (1, 2, 1, 1))

    def test_keep_last_replaces_all_that_wait(self):
        spool = self.start_spool()
        for number in (1, 2, 3):
            self.put("level", str(number), key="tank-1", number=number)
        self.config("rules: [{match: {name: level}, keep_last: true}]\n")
        spool.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually(lambda: "read anew" in spool.text()))
        self.put("level", "4", key="tank-1", number=4)
        self.assertEqual([one["hex"] for one in self.listed()["commands"]], [b"4".hex()])
        self.assertEqual(self.stat()["rules"]["replaced"], 3)

    def test_wrong_configurations_are_refused_with_lines(self):
        for text, line, why in (
                ("limits: {bites: 3}\n", 3, "did you mean 'bytes'"),
                ("rules:\n  - match: {name: a}\n", 4, "a rule does something"),
                ("rules:\n  - {match: {name: a, members: {x: '> hot'}}, drop: true}\n", 4,
                 "compared with a number"),
                ("rules:\n  - {match: {name: a}, drop: true, rename: b}\n", 4, "neither renamed"),
                ("retry: {first: 2s, most: 1s}\n", 3, "no shorter"),
                ("limits: [\n", 4, "end of sequence flow")):
            config = self.config(text)
            done = subprocess.run([BIN / "shmbus-spool", "--config", config, "--check"], env=ENV,
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(f"spool.yaml:{line}: ", done.stderr)
            self.assertIn(why, done.stderr)

    def test_one_process_at_a_time(self):
        self.start_spool()
        other = subprocess.run([BIN / "shmbus-spool", "--bus", self.bus, "--file", self.file],
                               env=ENV, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(other.returncode, 1, other.stderr)
        self.assertIn("locked", other.stderr)

    def test_a_damaged_file_is_refused_and_repaired(self):
        spool = self.start_spool()
        self.send(1, 200)
        self.assertEqual(spool.end(signal.SIGTERM), 0)
        data = pathlib.Path(self.file).read_bytes()
        pathlib.Path(self.file).write_bytes(data[:len(data) * 3 // 4])
        again = self.start_spool(ready=False)
        self.assertEqual(again.process.wait(60), 3, again.text())
        self.assertEqual(pathlib.Path(self.file).read_bytes(), data[:len(data) * 3 // 4])
        said = self.repair(self.file, 0)
        self.assertIn("more may be lost", said)
        self.assertTrue(os.path.exists(self.file + ".damaged-1"))
        copied = int(said.split()[0])
        self.assertTrue(0 < copied < 200, said)
        self.start_spool()
        self.assertEqual(self.stat()["waiting"], copied)

    def test_a_repair_takes_no_file_that_is_in_use_or_cannot_be_read(self):
        spool = self.start_spool()
        self.put("nobody.home", "x")
        self.assertIn("locked", self.repair(self.file, 1))
        spool.end()
        self.start_spool()
        self.assertEqual(self.stat()["waiting"], 1)
        other = self.path("other.db")
        db = sqlite3.connect(other)
        db.execute("CREATE TABLE mine(x)")
        db.close()
        before = pathlib.Path(other).read_bytes()
        self.repair(other, 1)
        self.assertEqual(pathlib.Path(other).read_bytes(), before)

    def test_an_empty_file_is_no_new_spool(self):
        pathlib.Path(self.file).write_bytes(b"")
        spool = self.start_spool(ready=False)
        self.assertEqual(spool.process.wait(60), 3, spool.text())

    def test_metrics(self):
        spool = self.start_spool("metrics: 127.0.0.1:0\n")
        self.put("nobody.home", "x")
        address = [word[3:] for word in spool.text().split() if word.startswith("at=")][0]

        def waiting():
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as page:
                return "shmbus_spool_commands_waiting 1\n" in page.read().decode()
        self.assertTrue(eventually(waiting))


if __name__ == "__main__":
    main()
