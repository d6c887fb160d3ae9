#!/usr/bin/env python3
"""Make a man page of what a program prints for --help: man_page.py <program> <page>

The text of --help is taken as it is, once for the program and once for each of its commands, so the
page says what the program says. A command is a word in the help whose own --help succeeds and says
something else.
"""
import os
import pathlib
import re
import subprocess
import sys


def output(program, *arguments):
    done = subprocess.run([program, *arguments], text=True, check=False, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "80", "NO_COLOR": "1"})
    return done.stdout.rstrip() if done.returncode == 0 else ""


def escaped(text):
    """Text that roff takes literally."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def literal(text):
    return f".nf\n{escaped(text)}\n.fi\n"


def commands(program, help_text, leading=()):
    """Yield (words, help) of each command that the help names."""
    for word in dict.fromkeys(re.findall(r"^ {2,4}([a-z][a-z0-9-]*)(?= |$)", help_text, re.MULTILINE)):
        text = output(program, *leading, word, "--help")
        if text and text != help_text:
            yield (*leading, word), text
            if not leading:
                yield from commands(program, text, (word,))


def section_of(help_text):
    """The help without its first line of usage, which stands in the synopsis."""
    lines = help_text.split("\n")
    return "\n".join(line for line in lines if not line.startswith("Usage:")).strip("\n")


def page(program):
    name = pathlib.Path(program).name
    help_text = output(program, "--help")
    if not help_text:
        sys.exit(f"{program} --help failed")
    version = output(program, "--version").split()[-1:] or [""]
    about = next(line for line in help_text.split("\n") if line.strip() and not line.startswith("Usage"))
    usage = re.search(r"^Usage: *(.*)$", help_text, re.MULTILINE)
    parts = [
        f'.TH {name.upper()} 1 "" "shmbus {escaped(version[0])}" "User Commands"\n',
        f".SH NAME\n{name} \\- {escaped(about.strip().rstrip('.'))}\n",
        f".SH SYNOPSIS\n.B {escaped(usage[1] if usage else name)}\n",
        f".SH DESCRIPTION\n{literal(section_of(help_text))}",
    ]
    for number, (words, text) in enumerate(commands(program, help_text)):
        if number == 0:
            parts.append(".SH COMMANDS\n")
        parts.append(f'.SS "{escaped(" ".join((name, *words)))}"\n{literal(section_of(text))}')
    other = "shmbusd" if name == "shmbus" else "shmbus"
    parts.append(f".SH SEE ALSO\n.BR {other} (1).\nThe guide is installed in share/doc/shmbus.\n")
    return "".join(parts)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    target = pathlib.Path(sys.argv[2])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(sys.argv[1]), encoding="utf-8")


main()
