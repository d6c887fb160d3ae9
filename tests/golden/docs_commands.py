#!/usr/bin/env python3
"""Run the commands of a page: docs_commands.py <page> <folder of the binaries>

The examples are found under their short names (greet_handler), beside the tool and the daemon; $shared
is a fresh folder in /dev/shm. Commands that make namespaces need root; else the test is skipped.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import console


def can_make_namespaces():
    return os.geteuid() == 0 and all(
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL).returncode == 0
        for command in (["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--net", "true"],
                        ["unshare", "--user", "--map-root-user", "true"],
                        ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "true"]))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    page, binaries = map(pathlib.Path, sys.argv[1:])
    if not can_make_namespaces():
        print("SKIPPED: namespaces cannot be made here")
        return
    lines = page.read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as shared, tempfile.TemporaryDirectory() as names:
        os.chmod(names, 0o755)
        for program in binaries.iterdir():
            # Copies, so that other users can run them wherever the build tree is.
            if program.name.startswith("example_greet_") or program.name in ("shmbus", "shmbusd"):
                shutil.copy(program, pathlib.Path(names) / program.name.removeprefix("example_"))
        environment = {**os.environ, "PATH": f"{names}:{os.environ['PATH']}", "shared": shared}
        steps = [step for block in console.blocks(lines) for step in console.steps_of(block)]
        problem = console.type_steps(steps, shared, environment)
    if problem:
        sys.exit(f"FAILED: {problem}")


main()
