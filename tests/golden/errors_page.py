#!/usr/bin/env python3
"""docs/errors.md has a section for each kind of error: errors_page.py <repository>

Each says what happened, what never does, what to do, and an example; and its table says of each kind the
same as may_have_started() in error.hpp.
"""
import pathlib
import re
import sys

PARTS = ("Happened", "Never", "Do", "Example")


def kinds(root):
    text = (root / "libshmbus/include/shmbus/error_kind.hpp").read_text(encoding="utf-8")
    return {name: number for name, number in re.findall(r"^  (\w+) = (\d+),", text, re.MULTILINE)
            if name != "none"}


def never_started(root):
    text = (root / "libshmbus/include/shmbus/error.hpp").read_text(encoding="utf-8")
    body = re.search(r"before_start\{(.*?)\};", text, re.DOTALL)[1]
    return set(re.findall(r"ErrorKind::(\w+)", body)) - {"none"}


def check(page, wanted, before_start):
    faults = []
    sections = dict(re.findall(r"^## \d+ `(\w+)`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    for name, number in wanted.items():
        if f"\n## {number} `{name}`\n" not in page:
            faults.append(f"no section '## {number} `{name}`'")
            continue
        for part in PARTS:
            if not re.search(rf"^- \*\*{part}:\*\* \S", sections[name], re.MULTILINE):
                faults.append(f"{name}: no '- **{part}:**'")
    faults += [f"{name} is no kind of error" for name in sections if name not in wanted]
    row = re.search(r"^\| did not run, and will not \|(.*)\|$", page, re.MULTILINE)
    if not row or set(re.findall(r"`(\w+)`", row[1])) != before_start:
        faults.append("the table and may_have_started() disagree about what did not run")
    others = {name for line in re.findall(r"^\| (?:ran|may have run) \|(.*)\|$", page, re.MULTILINE)
              for name in re.findall(r"`(\w+)`", line)}
    if others != set(wanted) - before_start - {"already_registered"}:  # of no command
        faults.append("the table and may_have_started() disagree about what may have run")
    return faults


def main():
    root = pathlib.Path(sys.argv[1])
    page = (root / "docs/errors.md").read_text(encoding="utf-8")
    wanted = kinds(root)
    faults = check(page, wanted, never_started(root))
    for name in wanted:  # the check must miss each of them
        if not check(page.replace(f"`{name}`\n", "`other`\n"), wanted, never_started(root)):
            faults.append(f"this test does not miss {name}")
    print("\n".join(faults) if faults else "every kind has its section")
    sys.exit(1 if faults else 0)


main()
