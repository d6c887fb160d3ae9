#!/usr/bin/env python3
"""Runs the scenarios of scenarios_*.py for each pair of a caller's and a handler's language.

    matrix.py --peer NAME=COMMAND ... [--only WORD] [--pair CALLER,HANDLER] [--every N] [--jobs N]

README.md says what a COMMAND does. Prints a table, and what went wrong below it; exit code 1 when
something did. A scenario that needs a feature that one of its peers lacks is shown as '-'. --every N
runs one pair in N of each scenario, other pairs for the next one; the others are shown as '.'.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import itertools
import shlex
import subprocess
import sys
import tempfile
import time

import driver
import scenarios_calls  # noqa: F401: importing one adds its scenarios to ALL
import scenarios_ends  # noqa: F401
import scenarios_records  # noqa: F401
from scenario import ALL


def run_one(scenario, caller, handler):
    """(mark, what went wrong)"""
    if not scenario.needs <= caller.features & handler.features:
        return "-", ""
    with tempfile.TemporaryDirectory(prefix="shmbus-conformance-") as folder:
        pair = driver.Pair(caller, handler, folder)
        try:
            scenario.run(pair)
            return "ok", ""
        except (AssertionError, driver.PeerFailed) as error:
            return "FAIL", f"{error}\n    " + "\n    ".join(pair.story[-12:])
        finally:
            pair.end()


def table(rows, columns, marks):
    width = max(len(row) for row in rows)
    print(" " * width, *columns, sep="  ")
    for row in rows:
        cells = [marks.get((row, column), ".").ljust(len(column)) for column in columns]
        print(row.ljust(width), *cells, sep="  ")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", action="append", required=True, metavar="NAME=COMMAND")
    parser.add_argument("--only", default="", help="scenarios whose name has this word")
    parser.add_argument("--pair", help="CALLER,HANDLER")
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--jobs", type=int, default=4)
    given = parser.parse_args()
    peers = []
    for one in given.peer:
        name, command = one.split("=", 1)
        words = shlex.split(command)
        features = subprocess.run([*words, "features"], check=True, capture_output=True, text=True).stdout
        peers.append(driver.Peer(name, words, frozenset(features.split())))
    pairs = [(a, b) for a, b in itertools.product(peers, peers)
             if given.pair in (None, f"{a.name},{b.name}")]
    chosen = [one for one in ALL if given.only in one.name]
    began = time.monotonic()
    marks, faults = {}, []
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        work = {pool.submit(run_one, one, a, b): (one, a, b)
                for i, one in enumerate(chosen) for j, (a, b) in enumerate(pairs)
                if (i + j) % given.every == 0}
        for done in concurrent.futures.as_completed(work):
            one, a, b = work[done]
            mark, fault = done.result()
            marks[one.name, f"{a.name}>{b.name}"] = mark
            if fault:
                faults.append(f"{one.name}, caller {a.name}, handler {b.name}: {fault}")
    table([one.name for one in chosen], [f"{a.name}>{b.name}" for a, b in pairs], marks)
    print("\n".join(faults))
    counts = [list(marks.values()).count(mark) for mark in ("ok", "FAIL", "-")]
    print(f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    print(f"{len(chosen)} scenarios, {len(pairs)} pairs, {time.monotonic() - began:.1f} s", file=sys.stderr)
    return 1 if faults or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
