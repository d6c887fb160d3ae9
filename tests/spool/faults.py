#!/usr/bin/env python3
"""The spool while its system calls fail, its disk is full, and its clock steps.

    faults.py BIN          each of the first 200 calls fails once, in larger steps further on
    faults.py BIN --all    each call
"""
import errno
import os
import pathlib
import sqlite3
import subprocess
import sys
import time

ALL = "--all" in sys.argv
if ALL:
    sys.argv.remove("--all")

from spool_case import BIN, ENV, FAULTS, SpoolCase, add_row, eventually, main, rows_of  # noqa: E402


def used_by(program):
    """Seconds of processor time."""
    stat = pathlib.Path(f"/proc/{program.process.pid}/stat").read_text()
    words = stat[stat.rindex(")") + 2:].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Faults(SpoolCase):
    def faulty(self, **more):
        return {"LD_PRELOAD": str(FAULTS), "SPOOL_FAULT_FOLDER": self.folder.name,
                **{f"SPOOL_FAULT_{key}": str(value) for key, value in more.items()}}

    def test_each_call_fails_once(self):
        """Whatever fails, what was accepted is delivered by the spool that comes after."""
        self.start_handler()
        first, fault, hits = 1, 1, 0
        while True:
            hit = self.path("hit")
            pathlib.Path(hit).unlink(missing_ok=True)
            number = (errno.EIO, errno.ENOSPC)[fault % 2]
            spool = self.start_spool(ready=False, env=self.faulty(AT=fault, ERRNO=number, HIT=hit))
            sender = self.start_sender(first, first + 7, 2)
            first += 8
            eventually(lambda: sender.process.poll() is not None
                       or spool.process.poll() is not None)
            if spool.process.poll() is not None:  # it gave up: started anew, as systemd does
                self.assertIn(spool.process.returncode, (1, 3), spool.text())
                spool = self.start_spool(ready=False)
            self.assertEqual(sender.process.wait(120), 0, sender.text() + spool.text())
            spool.end()
            if not os.path.exists(hit):
                break
            hits += 1
            fault += 1 if ALL or fault < 24 else 7
        self.start_spool()
        self.judge()
        self.assertGreater(hits, 10)
        print(f"{hits} calls failed, the last was call {fault}", file=sys.stderr)

    def test_full_disk_and_back(self):
        flag = self.path("full")
        self.start_spool("limits: {free: 1}\n", env=self.faulty(FULL=flag))
        self.send(1, 8, 2)
        pathlib.Path(flag).touch()
        sender = self.start_sender(9, 16, 2)
        self.assertTrue(eventually(lambda: self.stat()["commits_failed"] > 0
                                   or self.stat()["refused"] > 0))
        self.assertEqual(len(self.accepted()), 8)
        self.start_handler()  # what waits is delivered meanwhile
        self.assertTrue(eventually(lambda: self.rows("SELECT count(*) FROM effects") == [(8,)]))
        os.unlink(flag)
        self.assertEqual(sender.process.wait(120), 0, sender.text())
        self.assertEqual(len(self.judge()), 16)
        self.assertTrue(eventually(lambda: self.stat()["waiting"] == 0))

    def test_a_full_disk_costs_no_processor(self):
        """So many outcomes are kept; then the spool waits, and does not look all the time."""
        flag = self.path("full")
        spool = self.start_spool("limits: {free: 1}\n", env=self.faulty(FULL=flag))
        self.fill(5000)
        pathlib.Path(flag).touch()
        self.start_handler()
        self.assertTrue(eventually(lambda: self.stat()["delivered"] >= 4096))
        begun, used = time.monotonic(), used_by(spool)
        time.sleep(2)
        share = (used_by(spool) - used) / (time.monotonic() - begun)
        self.assertLess(share, 0.5)  # a loop takes all of a processor
        self.assertEqual(self.stat()["delivered"], 4096)
        os.unlink(flag)
        self.assertTrue(eventually(lambda: self.stat()["waiting"] == 0))

    def fill(self, count):
        subprocess.run([BIN / "peer_spool_peer", "fill", self.bus, str(count)], env=ENV,
                       stdout=subprocess.DEVNULL, timeout=120, check=True)

    def test_age_goes_on_over_a_kill(self):
        """Also when nothing but the clock is to be written."""
        uptime = pathlib.Path(self.path("uptime"))
        uptime.write_text("0")
        spool = self.start_spool("limits: {age: 3h}\n", env=self.faulty(UPTIME=uptime))
        self.send(1, 2, 2)
        before = self.stat()["commits"]
        uptime.write_text("7200")
        self.assertTrue(eventually(lambda: self.stat()["commits"] > before))
        spool.end()
        uptime.write_text("0")
        self.start_spool("limits: {age: 3h}\n", env=self.faulty(UPTIME=uptime))
        self.assertGreaterEqual(self.stat()["oldest_ms"], 7_200_000)
        uptime.write_text("7200")
        self.assertTrue(eventually(lambda: self.stat()["dead"] == 2))

    def test_outbox_over_a_full_disk(self):
        """What the spool's disk did not take stays in the outbox; that one is on another disk."""
        box, app = self.outbox()
        flag = self.path("full")
        self.start_handler()
        self.start_spool(f"limits: {{free: 1}}\noutboxes: [{box}]\noutbox_poll: 10ms\n",
                         env=self.faulty(FULL=flag))
        self.assertTrue(eventually(self.stat))
        pathlib.Path(flag).touch()
        for number in range(1, 9):
            add_row(app, number)
        self.assertTrue(eventually(lambda: self.stat()["commits_failed"] > 1))
        self.assertEqual(rows_of(app), 8)
        os.unlink(flag)
        self.assertTrue(eventually(
            lambda: self.rows("SELECT number FROM effects ORDER BY at") == [
                (n,) for n in range(1, 9)]))
        self.assertTrue(eventually(lambda: rows_of(app) == 0))

    def test_a_repair_that_fails_at_any_call_loses_nothing(self):
        spool = self.start_spool()
        self.send(1, 40)
        spool.end()  # what was sent is in the -wal
        made = {end: pathlib.Path(self.file + end).read_bytes() for end in ("", "-wal")}
        fault, hits, refused = 1, 0, 0
        hit = pathlib.Path(self.path("hit"))
        while True:
            for left in pathlib.Path(self.folder.name).glob("spool.db*"):
                left.unlink()
            for end, content in made.items():
                pathlib.Path(self.file + end).write_bytes(content)
            hit.unlink(missing_ok=True)
            self.repair(self.file, None, **self.faulty(
                AT=fault, ERRNO=errno.EIO, STAYS=1, HIT=hit))
            if not hit.exists():
                break
            hits, fault = hits + 1, fault + 1
            if os.path.exists(self.file + ".repaired"):  # it is finished by another repair alone
                again = self.start_spool(ready=False)
                self.assertEqual(again.process.wait(60), 3, again.text())
                self.repair(self.file, 0)
                refused += 1
            with sqlite3.connect(self.file) as db:
                self.assertEqual(db.execute("SELECT count(*) FROM commands").fetchone(), (40,))
            db.close()
        self.assertGreater(hits, 10)
        self.assertGreater(refused, 2)

    def test_steps_of_the_clock_expire_nothing(self):
        clock = pathlib.Path(self.path("clock"))
        clock.write_text("0")
        self.start_spool("limits: {age: 1h}\n", env=self.faulty(CLOCK=clock))
        self.send(1, 4, 2)
        for years in (10, -10, 0):
            clock.write_text(str(years * 365 * 86400))
            time.sleep(6)  # it looks for what is too old every 5 s
            stat = self.stat()
            self.assertEqual((stat["waiting"], stat["dead"]), (4, 0))
        self.start_handler()
        self.assertEqual(len(self.judge()), 4)


if __name__ == "__main__":
    main()
