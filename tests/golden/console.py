"""Commands that a page prints, typed in a shell: what the tests of README and docs share.

In a ```console block a line `$ command` is typed, and the lines after it must be printed, in this order;
`[...]` stands for any text, as a line of its own for any lines. `[exit N]` ends a command that must fail
with N, or with any code (`[exit any]`).
"""
import re
import subprocess

MARK = "=== next"


def blocks(lines, start=0):
    """Yield the lines of each console block from line `start` on."""
    at = start
    while "```console" in lines[at:]:
        begin = lines.index("```console", at) + 1
        at = lines.index("```", begin)
        yield lines[begin:at]


def steps_of(block):
    """[(command, expected lines, expected exit code or "any")]"""
    steps = []
    for line in block:
        if line.startswith("$ "):
            steps.append([line[2:], [], "0"])
        elif re.fullmatch(r"\[exit \w+\]", line):
            steps[-1][2] = line[6:-1]
        else:
            steps[-1][1].append(line)
    return steps


def matches(printed, expected):
    """The expected lines appear in this order; other lines may stand between them."""
    remaining = iter(printed)
    for line in expected:
        if line == "[...]":
            continue
        parts = [re.escape(part.strip()) for part in line.split("[...]")]
        pattern = re.compile(r"\s*" + ".*".join(re.sub(r"(?:\\ )+", r"\\s+", part) for part in parts) + r"\s*")
        if not any(pattern.fullmatch(candidate) for candidate in remaining):
            return False
    return True


def type_steps(steps, folder, environment):
    """Types them in one shell; returns what was wrong, or None."""
    script = ["set -m"]  # %1, as at a terminal
    for command, *_ in steps:
        script += [f"echo '{MARK}'", command, f"echo '{MARK} status' $?"]
    script += ["for job in $(jobs -p); do kill -KILL -- -$job 2>/dev/null; done", "wait"]
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=240, check=False)
    parts = done.stdout.split(MARK + "\n")[1:]
    if len(parts) != len(steps):
        return f"{len(steps)} commands, but:\n{done.stdout}"
    for (command, expected, wanted), part in zip(steps, parts):
        printed, _, status = part.rpartition(f"{MARK} status ")
        status = status.split()[0]
        if wanted not in ("any", status):
            return f"`{command}` ended with {status}, not {wanted}:\n{printed}"
        if not matches(printed.splitlines(), expected):
            return f"`{command}` must print\n{chr(10).join(expected)}\nand printed\n{printed}"
        print(f"ok: {command}")
    return None
