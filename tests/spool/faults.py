#!/usr/bin/env python3
"""The spool while its system calls fail, its disk is full, and its clock steps.

    faults.py BIN          each of the first 200 calls fails once, in larger steps further on
    faults.py BIN --all    each call
"""
import errno
import os
import pathlib
import sys
import time

ALL = "--all" in sys.argv
if ALL:
    sys.argv.remove("--all")

from spool_case import FAULTS, SpoolCase, eventually, main  # noqa: E402


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
