#!/usr/bin/env python3
"""Programs that must not compile, and what the compiler must say: compile_fail.py COMPILER FLAG... -- FILE...

A file's `// expect: TEXT` lines must all be found in the messages. A file with none must compile: it shows
that the others fail for their own reason and not for a missing header. Exits 1 if any does otherwise.
"""
import pathlib
import re
import subprocess
import sys

EXPECT = re.compile(r"^// expect: (.*)$", re.MULTILINE)
# Clang shows a text that is part of a type as its characters.
CHARACTERS = re.compile(r"(?:'(?:.|\\.)'(?:, )?)+")


def legible(messages):
    def join(match):
        return "".join(re.findall(r"'(.)'", match[0]))
    return re.sub(r"\s+", " ", CHARACTERS.sub(join, messages)).replace('"', "")


def problems(command, file):
    wanted = EXPECT.findall(file.read_text(encoding="utf-8"))
    ran = subprocess.run([*command, "-fsyntax-only", str(file)], capture_output=True, text=True,
                         check=False)
    if not wanted:
        return [] if ran.returncode == 0 else [f"{file.name}: does not compile:\n{ran.stderr}"]
    if ran.returncode == 0:
        return [f"{file.name}: compiles, and must not"]
    said = legible(ran.stderr)
    return [f"{file.name}: the compiler does not say: {text}\nit says:\n{ran.stderr}"
            for text in wanted if text not in said]


def main():
    split = sys.argv.index("--")
    command, files = sys.argv[1:split], [pathlib.Path(name) for name in sys.argv[split + 1:]]
    found = [problem for file in files for problem in problems(command, file)]
    print("\n".join(found) if found else f"{len(files)} programs as expected")
    sys.exit(1 if found or not files else 0)


main()
