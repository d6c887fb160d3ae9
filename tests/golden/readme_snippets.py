#!/usr/bin/env python3
"""README and guide must not rot: readme_snippets.py <repository> prints what is wrong and exits 1 if any.

1. Each ```cpp and ```cmake block of the README equals the file that the last link before the block leads
   to, or the lines between its two `// [readme]` lines where it has them.
2. Each relative link of the README and of docs/*.md leads to a file or folder that exists.
3. The README has fewer than 120 lines.
4. Each fenced block of a guide (GUIDES) stands, line for line, in the file that the last link to a file
   before the block leads to; it may be indented differently there. After a link to another page it is a
   sketch.
"""
import pathlib
import re
import sys
import tempfile
import textwrap

MARK = "// [readme]"
GUIDES = ("docs/commands.md", "docs/async.md", "docs/replacing.md", "docs/plugins.md",
          "docs/policies.md", "docs/workers.md", "docs/c.md", "docs/python.md", "docs/go.md",
          "docs/rust.md")
MAX_LINES = 120
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
FENCE = re.compile(r"^```(\w*)\s*$")


def region(path):
    """The lines of a file, or the marked ones; None when there is no such file."""
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    marks = [number for number, line in enumerate(lines) if line.strip() == MARK]
    return lines[marks[0] + 1:marks[1]] if len(marks) == 2 else lines


def blocks(lines):
    """Yield (number of the first line, language, last link before, lines) of each fenced block."""
    language, start, link, body = None, 0, None, []
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if language is None and fence:
            language, start, body = fence[1], number, []
        elif language is not None and fence:
            yield start, language, link, body
            language = None
        elif language is not None:
            body.append(line)
        else:
            link = ([found for found in LINK.findall(line) if "://" not in found] or [link])[-1]


def links(lines):
    """Yield (line number, target) of each relative link outside of code."""
    in_code = False
    for number, line in enumerate(lines, 1):
        if FENCE.match(line):
            in_code = not in_code
        for link in () if in_code else LINK.findall(line):
            if "://" not in link:
                yield number, link


def dedented(lines):
    return textwrap.dedent("\n".join(lines)).split("\n")


def stands_in(body, path):
    """The lines of `body`, one after the other, in the file."""
    if not path.is_file():
        return False
    lines = path.read_text(encoding="utf-8").splitlines()
    wanted = dedented(body)
    return any(dedented(lines[at:at + len(body)]) == wanted for at in range(len(lines)))


def check_guide(root, name):
    path = root / name
    lines = path.read_text(encoding="utf-8").splitlines()
    problems = [f"{name}:{start}: does not stand in {link}" for start, _, link, body in blocks(lines)
                if link is None or not (link.endswith(".md") or stands_in(body, path.parent / link))]
    return problems


def check(root):
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    problems = []
    quoted = 0
    for start, language, link, body in blocks(lines):
        if language not in ("cpp", "cmake"):
            continue
        quoted += 1
        if link is None or region(root / link) is None:
            problems.append(f"README.md:{start}: there is no file {link}")
        elif region(root / link) != body:
            problems.append(f"README.md:{start}: differs from {link}: copy it again")
    if quoted == 0:
        problems.append("README.md: quotes no example")
    problems += [f"README.md:{number}: {link} does not exist" for number, link in links(lines)
                 if not (root / link).exists()]
    if len(lines) >= MAX_LINES:
        problems.append(f"README.md: {len(lines)} lines, must be fewer than {MAX_LINES}")
    for page in sorted((root / "docs").glob("*.md")):
        problems += [f"docs/{page.name}:{number}: {link} does not exist"
                     for number, link in links(page.read_text(encoding="utf-8").splitlines())
                     if not (page.parent / link).exists()]
    for guide in GUIDES:
        if (root / guide).is_file():
            problems += check_guide(root, guide)
    return problems


def self_test():
    """Each fault must be reported."""
    example = f"{MARK}\nint main() {{}}\n{MARK}\n"
    faults = {
        "[a](a.cpp)\n```cpp\nint main() { return 1; }\n```\n": "differs",
        "[d](d.cmake)\n```cmake\nproject(e)\n```\n": "differs",
        "[b](b.cpp)\n```cpp\nint main() {}\n```\n": "there is no file",
        "[a](a.cpp)\n```cpp\nint main() {}\n```\n[c](c.md)\n": "does not exist",
        "[a](a.cpp)\n": "quotes no example",
        "[a](a.cpp)\n```cpp\nint main() {}\n```\n" + "\n" * MAX_LINES: "fewer than",
    }
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "a.cpp").write_text(example, encoding="utf-8")
        (root / "d.cmake").write_text("project(d)\n", encoding="utf-8")
        for readme, wanted in faults.items():
            (root / "README.md").write_text(readme, encoding="utf-8")
            if not any(wanted in problem for problem in check(root)):
                failures.append(f"missed: {wanted}")
        (root / "README.md").write_text("[a](a.cpp)\n```cpp\nint main() {}\n```\n", encoding="utf-8")
        failures += check(root)
        (root / "docs").mkdir()
        guide = root / "docs/commands.md"
        guide.write_text("[a](../a.cpp)\n```cpp\n  int main() {}\n```\n", encoding="utf-8")
        failures += check(root)
        guide.write_text("[a](../a.cpp)\n```cpp\nint rain() {}\n```\n[b](b.md)\n", encoding="utf-8")
        if len(check(root)) != 2:
            failures.append("missed: the faults of a guide")
    return failures


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    problems = self_test() if sys.argv[1] == "--self-test" else check(pathlib.Path(sys.argv[1]))
    print("\n".join(problems) if problems else "the README is in order")
    sys.exit(1 if problems else 0)


main()
