"""A fleet under faults: three machines, a cluster of three servers, calls all the time, while bridges and
servers are killed, restarted and stopped. A ledger of the handlers and the outcomes of the callers are
compared: nothing ran twice, nothing ran beyond its deadline, what was answered ran, what "never ran" did
not, every call ended in time.

SHMBUS_STORM_ROUNDS makes it longer."""
import collections
import os
import pathlib
import random
import signal
import time

from fleet_case import BIN, FleetCase, Machine, Program, eventually, main

ROUNDS = int(os.environ.get("SHMBUS_STORM_ROUNDS", "6"))
TIMEOUT_MS = 400
SLACK_MS = 1500  # of the machine that tests, not of the bus: it has two cores for all of this


class Storm(FleetCase):
    servers = 3

    def start_callers(self, machine, count, work_ms):
        results = self.path(f"results-{machine.name}")
        program = Program(BIN / "peer_bridge_fleet", "call", machine.bus, count, TIMEOUT_MS, work_ms,
                          results, log=self.path(f"caller-{machine.name}"))
        self.addCleanup(program.end)
        return program, results

    def fault(self, rng, machines, number):
        kind = ("kill-bridge", "stop-server", "kill-server", "stop-bridge")[number % 4]
        if kind == "kill-bridge":
            machine = rng.choice(machines)
            machine.bridge.end(signal.SIGKILL)
            time.sleep(0.2)
            machine.start_bridge(*self.options, server=self.urls[rng.randrange(3)])
        elif kind == "stop-bridge":
            program = rng.choice(machines).bridge
            program.pause()
            time.sleep(2 * TIMEOUT_MS / 1000)
            program.resume()
        elif kind == "stop-server":
            program = rng.choice(self.engines)
            program.pause()
            time.sleep(3 * TIMEOUT_MS / 1000)
            program.resume()
        else:
            server = rng.randrange(3)
            self.engines[server].end(signal.SIGKILL)
            time.sleep(0.2)
            self.start_engine(server)
        return kind

    def test_the_ledger_balances(self):
        seed = int(os.environ.get("SHMBUS_SEED", str(random.randrange(1 << 30))))
        print(f"SHMBUS_SEED={seed}")
        rng = random.Random(seed)
        self.options = ("--export", "*", "--import", "*")
        a, b, c = machines = [Machine(self, name) for name in "abc"]
        a.tool("init")
        b.serve("work.add")
        c.serve("work.add")
        for number, machine in enumerate(machines):
            # Each names all servers, its own first.
            urls = self.urls[number:] + self.urls[:number]
            self.urls, before = urls, self.urls
            machine.start_bridge(*self.options)
            self.urls = before
        a.sees("work.add", "bridge:")
        callers = [self.start_callers(a, 1_000_000, 1), self.start_callers(a, 1_000_000, 20)]
        for number in range(ROUNDS):
            self.fault(rng, machines, number)
            time.sleep(0.5)
        # All is well again.
        before = len(self.entries())
        self.assertTrue(eventually(lambda: len(self.entries()) > before + 20), a.bridge.text())
        for program, _ in callers:
            program.end(signal.SIGKILL)
        time.sleep(TIMEOUT_MS / 1000 + 0.2)
        self.judge(pathlib.Path(callers[0][1]).read_text())

    def judge(self, text):
        ran = collections.Counter(number for number, _, _ in self.entries())
        self.assertEqual([number for number, count in ran.items() if count > 1], [], "ran twice")
        late = [(number, left) for number, _, left in self.entries() if left < 0]
        self.assertEqual(late, [], "started beyond its deadline")
        self.assertEqual({machine for _, machine, _ in self.entries()}, {"b", "c"})
        outcomes = collections.Counter()
        for line in text.splitlines():
            number, outcome, took_us = line.split()
            outcomes[outcome] += 1
            self.assertLess(int(took_us) / 1000, TIMEOUT_MS + SLACK_MS, line)
            if outcome == "ok":
                self.assertEqual(ran[int(number)], 1, line)
            if outcome.endswith("-"):
                self.assertEqual(ran[int(number)], 0, line)
        print(dict(outcomes), len(ran), "ran")
        self.assertGreater(outcomes["ok"], 50)
        self.assertEqual(outcomes["wrong"], 0)


if __name__ == "__main__":
    main()
