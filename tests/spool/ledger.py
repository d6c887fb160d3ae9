#!/usr/bin/env python3
"""Spool, sender and handler are killed at random under load; a ledger says what was accepted.

    ledger.py BIN             50 kills
    ledger.py BIN --kills N   the long form: 10000
"""
import random
import sys
import time

KILLS = int(sys.argv.pop(sys.argv.index("--kills") + 1)) if "--kills" in sys.argv else 50
if "--kills" in sys.argv:
    sys.argv.remove("--kills")

from spool_case import SpoolCase, main  # noqa: E402: it takes the first argument

KEYS = 4
NUMBERS = 4_000  # of one sender; a killed one is followed by another


class Ledger(SpoolCase):
    def test_kills(self):
        chance = random.Random(int(time.time()))
        start = {"spool": lambda: self.start_spool(ready=False), "handler": self.start_handler}
        alive = {name: make() for name, make in start.items()}
        next_number = 1
        sender = self.start_sender(1, NUMBERS, KEYS)
        next_number += NUMBERS
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.12))
            victim = chance.choice(("spool", "spool", "spool", "handler", "sender"))
            if victim != "sender":
                alive[victim].end()
                alive[victim] = start[victim]()
            if victim == "sender" or sender.process.poll() is not None:
                sender.end()
                sender = self.start_sender(next_number, next_number + NUMBERS - 1, KEYS)
                next_number += NUMBERS
        sender.end()
        effects = self.judge()
        self.assertGreater(len(effects), KILLS)
        runs = self.rows("SELECT count(*) FROM runs")[0][0]
        print(f"{KILLS} kills: {len(self.accepted())} accepted, {len(effects)} effects, "
              f"{runs - len(effects)} repeats dropped", file=sys.stderr)


if __name__ == "__main__":
    main()
