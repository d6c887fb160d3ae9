#!/usr/bin/env python3
"""The commands that docs/spool.md prints, typed in a shell: page.py <page> <folder of the programs>"""
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "golden"))
import console  # noqa: E402


def main():
    page, programs = map(pathlib.Path, sys.argv[1:])
    lines = page.read_text(encoding="utf-8").splitlines()
    steps = [step for block in console.blocks(lines) for step in console.steps_of(block)]
    with tempfile.TemporaryDirectory(prefix="shmbus-spool-") as folder:
        path = f"{programs.resolve()}:{os.environ['PATH']}"
        problem = console.type_steps(steps, folder, {**os.environ, "PATH": path})
    if problem:
        sys.exit(f"FAILED: {problem}")


main()
