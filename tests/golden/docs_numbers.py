#!/usr/bin/env python3
"""Numbers in README and docs are those of the code: docs_numbers.py <repository>

The layout comes from tests/golden/layout.txt, which a golden test holds against the code; the kinds of
errors from error_kind.hpp; measured figures from the tables of docs/performance.md. Each rule is a
pattern and the values that its groups must have. A rule that matches nowhere is a fault of this test.
"""
import pathlib
import re
import sys

PAGES = ("README.md", "docs/*.md", "libshmbus/include/shmbus/*.hpp")


def read(path):
    return path.read_text(encoding="utf-8")


def layout(root):
    text = read(root / "tests/golden/layout.txt")
    regions = {name: tuple(map(int, numbers)) for name, *numbers in
               re.findall(r"^(\w+) +0x[0-9a-f]+ +(\d+) +(\d+) +(\d+)$", text, re.MULTILINE)}
    count = {name: str(numbers[1]) for name, numbers in regions.items()}
    return {
        "mib": re.search(r"^Segment, \d+ bytes \(([\d.]+) MiB\)$", text, re.MULTILINE)[1],
        "participants": count["participants"], "names": count["name_records"],
        "endpoints": count["endpoints"], "lanes": count["lanes"], "extents": count["extents"],
        "extent_kib": str(regions["extents"][0] // 1024),
        "inbox": str(regions["inboxes"][0] // 8), "broadcasts": count["broadcasts"],
    }


def kinds(root):
    text = read(root / "libshmbus/include/shmbus/error_kind.hpp")
    body = text[text.index("enum class ErrorKind"):text.index("};", text.index("enum class"))]
    return {name: int(number) for name, number in re.findall(r"^  (\w+) = (\d+),", body, re.MULTILINE)}


def rules(root):
    """[(pattern, the values of its groups)], for a default bus."""
    size = layout(root)
    errors = str(len(kinds(root)) - 1)  # `none` is no error
    return [
        (r"[Tt]he default bus (?:has|takes|is) ([\d.]+) MiB", [size["mib"]]),
        (r"\((\d+) participants, (\d+) names, (\d+) endpoints, (\d+) lanes of \d+ cells, inboxes of (\d+), "
         r"(\d+) broadcast lanes, (\d+) extents of (\d+) KiB\)",
         [size[key] for key in
          ("participants", "names", "endpoints", "lanes", "inbox", "broadcasts", "extents", "extent_kib")]),
        (r"^/dev/shm/shmbus\.\w+ +([\d.]+) MiB +\d+ of (\d+) participants +\d+ of (\d+) extents",
         [size["mib"], size["participants"], size["extents"]]),
        (r"^\w+ +\w+ +0[0-7]{3} +([\d.]+) MiB +usable", [size["mib"]]),  # shmbus buses
        (r"one of \[?(\d+) (?:errors|kinds)\b", [errors]),
    ]


def figure_faults(root):
    """Each figure of the README's comparison stands in a table of docs/performance.md."""
    figures = set(re.findall(r"^\| `[^`]+` \| ([^|]+?) \|", read(root / "docs/performance.md"), re.MULTILINE))
    faults = []
    for number, line in enumerate(read(root / "README.md").splitlines(), 1):
        if not re.match(r"\| .*(?:ns|µs) \|", line):
            continue
        for cell in line.split("|")[2:5]:
            unit = cell.replace("*", "").split()[-1] if cell.strip() else ""
            for value in re.findall(r"[\d.]+", cell):
                if f"{value} {unit}" not in figures:
                    faults.append(f"README.md:{number}: {value} {unit} is no figure of docs/performance.md")
    return faults


def check(root):
    faults = figure_faults(root)
    for pattern, wanted in rules(root):
        found = 0
        for page in sorted(path for glob in PAGES for path in root.glob(glob)):
            text = read(page)
            for match in re.finditer(pattern, text, re.MULTILINE):
                found += 1
                if list(match.groups()) != wanted:
                    line = text.count("\n", 0, match.start()) + 1
                    faults.append(f"{page.relative_to(root)}:{line}: '{match[0]}' must have {wanted}")
        if not found:
            faults.append(f"no page has /{pattern}/: this test looks for nothing")
    return faults


def self_test(root):
    """Every rule must notice a changed number."""
    faults = []
    for pattern, wanted in rules(root):
        pages = [path for glob in PAGES for path in root.glob(glob) if re.search(pattern, read(path), re.M)]
        if not pages:
            continue
        match = re.search(pattern, read(pages[0]), re.MULTILINE)
        wrong = match[0].replace(wanted[-1], "99" + wanted[-1])
        again = re.search(pattern, wrong, re.MULTILINE)
        if again is None or list(again.groups()) == wanted:
            faults.append(f"missed: {wrong}")
    return faults


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    faults = check(root) + self_test(root)
    print("\n".join(faults) if faults else "the numbers agree")
    sys.exit(1 if faults else 0)


main()
