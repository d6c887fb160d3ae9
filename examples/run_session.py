#!/usr/bin/env python3
"""Run the commands of a session against a handler and compare what they print:
    run_session.py BIN HANDLER SESSION
A line of SESSION that begins with "$ " is a command; the lines up to the next one are what it prints, on
standard output or standard error. "[...]" stands for anything.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

LIMIT_S = 60


def steps(text):
    """Yield (command, what it prints)."""
    for step in ("\n" + text).split("\n$ ")[1:]:
        command, _, printed = step.partition("\n")
        yield command, printed.rstrip("\n")


def matches(wanted, printed):
    parts = [re.escape(part) for part in wanted.split("[...]")]
    return re.fullmatch(".*".join(parts), printed, re.DOTALL) is not None


def run(command, environment):
    ran = subprocess.run(["bash", "-c", command], env=environment, text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S)
    return "\n".join(line.rstrip() for line in ran.stdout.rstrip("\n").split("\n"))


def main():
    binaries, handler, session = sys.argv[1:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, SHMBUS_BUS=folder + "/bus",
                           PATH=binaries + os.pathsep + os.environ["PATH"])
        with subprocess.Popen([f"{binaries}/example_{handler}", folder + "/bus"]) as process:
            try:
                until = time.monotonic() + LIMIT_S
                text = pathlib.Path(session).read_text(encoding="utf-8")
                name = re.search(r"^\$ shmbus describe (\S+)", text, re.MULTILINE)[1]
                while "active" not in run(f"shmbus describe {name}", environment):
                    if time.monotonic() > until or process.poll() is not None:
                        sys.exit("the handler does not come up")
                    time.sleep(0.05)
                time.sleep(0.1)  # it may register more names
                for command, wanted in steps(text):
                    printed = run(command, environment)
                    if not matches(wanted, printed):
                        failed += 1
                        print(f"$ {command}\n--- printed\n{printed}\n--- expected\n{wanted}")
            finally:
                process.kill()
    print("as expected" if failed == 0 else f"{failed} differ")
    sys.exit(failed != 0)


main()
