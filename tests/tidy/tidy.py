#!/usr/bin/env python3
"""House rules for the C++ sources: tidy.py <repository> prints each breach and exits 1 if any.

1. A line has at most 100 columns, a file at most 400 lines.
2. Every name in a `// SYNC name: ...` comment stands at two places or more in libshmbus: a release
   store and the acquire load it pairs with are found from one another by that name.
3. Each dependency stays where it belongs (INCLUDES below).
4. libshmbus knows nothing of the daemon and the tool.
5. Public headers include no private ones.
6. docs/memory-model.md argues every SYNC name, and no other.
7. Each test point of the library stands in a scene of the torture tests that stops participants there
   (POINTS below), in a test of a family that does so itself, or in NOT_STOPPED_AT with the reason; and
   no scene waits for one that is not there.
8. Each mistake that can be planted in the library is one that tests/schedule has to find, and the
   other way round.
9. A folder of libshmbus/src includes only folders below it: LADDER, from the bottom up.
10. What makes a file descriptor is called in libshmbus/src/os/descriptor.cpp alone: no descriptor of
   the library or of a program is ever below 3.
11. Whoever says that it sleeps, withdraws a command or no longer polls a lane (SAYS below) fences
    and then looks once more (LOOKS): the other side stores first and then reads what was said. No
    test on x86-64 sees a fence that is missing there, and a look that is missing costs only time.
"""
import pathlib
import re
import sys
import tempfile

MAX_COLUMNS = 100
MAX_LINES = 400
# A file may stand here with its present length while it awaits its split; the number only falls.
LONG_FILES: dict[str, int] = {}

ROOTS = ("libshmbus", "c", "python", "codec", "gen", "inspect", "common", "daemon", "cli", "gateway", "spool", "bridge", "telemetry", "tests", "bench", "examples")

# (what is included, who may include it, why)
INCLUDES = (
    (r"boost/", ("libshmbus/src/segment/", "gateway/http_reader.cpp",
                 "gateway/converge/answer_reader.cpp", "bench/peers/"),
     "Boost maps memory and parses HTTP, and does no more"),
    (r"CLI/", ("common/", "daemon/", "cli/", "gateway/", "spool/", "bridge/", "bench/"), "only programs have command lines"),
    (r"fmt/", ("gen/", "common/", "daemon/", "cli/", "gateway/", "spool/", "bridge/", "telemetry/", "bench/", "tests/"), "the library prints nothing"),
    (r"(concurrentqueue/)?(blocking)?concurrentqueue\.h", ("libshmbus/src/serve/job_queue.cpp", "daemon/", "bench/"),
     "the bus has its own queues; workers of one process share one of these"),
    (r"microhttpd\.h", ("daemon/", "spool/metrics.cpp"), "two programs serve their metrics with it"),
    (r"curl/", ("telemetry/",), "one part posts over HTTP"),
    (r"nlohmann/", ("gen/", "cli/", "bridge/", "telemetry/", "examples/", "tests/", "bench/"), "the library knows no JSON"),
    (r"gnutls/", ("gateway/stream.cpp",), "one part speaks TLS"),
    (r"nats/", ("bridge/", "tests/bridge/"), "one part speaks to other machines"),
    (r"yaml-cpp/", ("gen/", "gateway/", "spool/", "bridge/"), "OpenAPI documents and settings are YAML"),
    (r"(codec|gen|inspect|common|daemon|cli|gateway|spool|bridge|telemetry|tests|bench)/",
     ("codec/", "gen/", "inspect/", "common/", "daemon/", "cli/", "gateway/", "spool/", "bridge/", "telemetry/", "tests/", "bench/"),
     "the library knows nothing of its users"),
)

# The folders of libshmbus/src, each step above those that it may include. The two of the last but one
# are siblings: neither includes the other.
LADDER = (
    ("base",), ("layout",), ("os",), ("segment",), ("attach",), ("words",), ("stream",),
    ("stats",),
    ("recorder",), ("recovery",), ("schema",), ("trace",), ("lane",), ("session",), ("policy",),
    ("names",), ("call", "serve", "events"), ("bus",),
)
STEP = {folder: step for step, folders in enumerate(LADDER) for folder in folders}

POINTS = "tests/torture/paused/scenes.cpp"
# Why nobody is stopped at this test point.
NOT_STOPPED_AT: dict[str, str] = {
    "window.committed": "tests/streams stop and kill either side of a stream",
    "window.filled": "the same",
    "window.released": "the same",
    "window.skipped": "the same",
    "draining.all_told": "reached only after two deaths in a take-over; tests/takeover kills around it",
    "draining.judged": "the same",
    "draining.told": "the same",
    "recovery.counted": "only with one-way commands lost: schedule sends-death kills there",
    "recovery.judged": "between a verdict and the look that confirms it: model takeover",
    "recovery.undrained": "needs an owner that dies while it gives its endpoint away: model takeover",
    "handler.swap": "in one process: nobody outlives a kill there",
    "policy.told": "a caller that dies there leaves one outcome uncounted",
    "policy.trial": "a caller that dies on trial: the circuit stays half open until open_for is over",
    "recorder.claimed": "events are read by checksum; unit tests tear them at every word",
    "recorder.filled": "the same",
    "recorder.spilled": "the same",
}
MISTAKES = "tests/schedule/mistakes.hpp"

DESCRIPTORS = "libshmbus/src/os/descriptor.cpp"
# `Bus::open(` is another open; names that nobody else has are found without `::` too.
MAKES_DESCRIPTOR = re.compile(
    r"(?<!\w)::(open|openat|openat2|creat|socket|accept|dup|pipe)\s*\(|"
    r"\b(memfd_create|eventfd|epoll_create1?|timerfd_create|signalfd|accept4|pipe2|opendir|fopen|"
    r"popen|inotify_init1?|socketpair|mkstemp|mkostemp|shm_open|tmpfile)\s*\(|"
    r"SYS_(pidfd_open|pidfd_getfd|memfd_create|openat2?|perf_event_open|userfaultfd|io_uring_setup)")
HAVE_DESCRIPTORS = ("libshmbus/", "inspect/", "daemon/", "cli/", "telemetry/")

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
SYNC = re.compile(r"//\s*SYNC\s+([A-Za-z0-9_.\-]+)")
TESTPOINT = re.compile(r'SHMBUS_TESTPOINT\("([^"]+)"\)')
MISTAKE = re.compile(r'SHMBUS_MISTAKE\("([^"]+)"\)')


def sources(root):
    for top in ROOTS:
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".hpp", ".cpp", ".h", ".c") and path.is_file():
                yield path, path.relative_to(root).as_posix()


def check_size(name, lines):
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS:
            yield f"{name}:{number}: {len(line)} columns, at most {MAX_COLUMNS}"
    limit = LONG_FILES.get(name, MAX_LINES)
    if len(lines) > limit:
        yield f"{name}: {len(lines)} lines, at most {limit}: split it"


def check_descriptors(name, lines):
    if not name.startswith(HAVE_DESCRIPTORS) or name == DESCRIPTORS:
        return
    for number, line in enumerate(lines, 1):
        found = MAKES_DESCRIPTOR.search(line.split("//")[0])
        if found:
            yield (f"{name}:{number}: {found[0].strip()} may make a descriptor below 3: call it through "
                   "os/descriptor.hpp")


def check_includes(root, path, name, lines):
    public = name.startswith("libshmbus/include/")
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        included = found[1]
        for pattern, allowed, why in INCLUDES:
            if re.match(pattern, included) and not name.startswith(allowed):
                yield f"{name}:{number}: {included} belongs in {', '.join(allowed)}: {why}"
        # A relative include leads out of the library as well as a rooted one does.
        target = (path.parent / included).resolve()
        if name.startswith("libshmbus/") and target.is_file() and root in target.parents:
            if not target.is_relative_to(root / "libshmbus"):
                yield f"{name}:{number}: {included} is outside the library"
        if public and (root / "libshmbus/src" / included).is_file():
            yield f"{name}:{number}: {included} is private, and this header is installed"


def check_ladder(root, name, lines):
    folder = re.match(r"libshmbus/src/([a-z_]+)/", name)
    if not folder:
        return
    if folder[1] not in STEP:
        yield f"{name}: the folder {folder[1]} has no step in LADDER"
        return
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        other = found[1].split("/")[0] if found else ""
        if other in STEP and other != folder[1] and (root / "libshmbus/src" / found[1]).is_file():
            if STEP[other] >= STEP[folder[1]]:
                yield f"{name}:{number}: {folder[1]}/ is not above {other}/ in the ladder of folders"


SAYS = re.compile(r"\bsay_asleep\((?!layout)|\bannounce_sleep\(\);|\bset_cancel\(ticket\.cell\);"
                  r"|\bcancel_all\(command\);|\.set_mode\(LaneMode::cold\);|^\s+moving_in_ = false;"
                  r"|\bticketless_below = 1;|(\.parked|handler_->park)\.store\(1,")
FENCES = re.compile(r"\bsleeper_fence\(\)")
LOOKS = re.compile(r"\breplied\(|\bpoll_all\(|\bcollect\(|\bmaybe_started\(|\bqueue_again\("
                   r"|\bawait_turn\(|\bis_waiting\(|\bmake_room\(|\blook\(\)|\bchange\.there\(")


def check_fences(name, lines):
    """Behind each place where something is said come a fence and then a look, in that function."""
    if not name.startswith("libshmbus/src/"):
        return
    said, fenced = 0, False
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        fence = FENCES.search(code)
        if said and fence:
            fenced = True
            if LOOKS.search(code, fence.end()):
                said = 0
        elif said and (LOOKS.search(code) or code.startswith("}")):
            if not fenced:
                yield f"{name}:{said}: no sleeper_fence() between this and the look of line {number}"
            elif code.startswith("}"):
                yield f"{name}:{said}: nobody looks once more behind the fence"
            said = 0
        if SAYS.search(code):
            said, fenced = number, False


def named_by_tests(root, points):
    """Test points at which the tests of a family kill or stop somebody themselves."""
    texts = (p.read_text(encoding="utf-8") for p in sorted(root.glob("tests/*/*.?pp")))
    found = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', "".join(texts)))
    return found & points.keys()


def check_points(root, points):
    """`points`: where each test point of the library is."""
    scenes = root / POINTS
    if not scenes.is_file():
        return
    text = scenes.read_text(encoding="utf-8")
    listed = re.search(r"test_points\(\) \{(.*?)\n\}", text, re.DOTALL)
    stopped = set(re.findall(r'"([^"]+)"', listed[1])) if listed else set()
    met = stopped | named_by_tests(root, points) | NOT_STOPPED_AT.keys()
    for name in sorted(points.keys() - met):
        yield f"{points[name]}: nobody is stopped at the test point {name}: add it to {POINTS}"
    for name in sorted((stopped | NOT_STOPPED_AT.keys()) - points.keys()):
        yield f"{POINTS}: there is no test point {name}"
    for name in sorted(stopped & NOT_STOPPED_AT.keys()):
        yield f"{POINTS}: {name} stands in NOT_STOPPED_AT too"


def check_mistakes(root, planted):
    """`planted`: where each mistake of the library is."""
    table = root / MISTAKES
    if not table.is_file():
        return
    expected = set(re.findall(r'Mistake\{"([^"]+)"', table.read_text(encoding="utf-8")))
    for name in sorted(planted.keys() - expected):
        yield f"{planted[name]}: the mistake {name} is not one that has to be found: see {MISTAKES}"
    for name in sorted(expected - planted.keys()):
        yield f"{MISTAKES}: nobody makes the mistake {name}"


def check(root):
    root = root.resolve()
    problems = []
    syncs = {}
    points = {}
    planted = {}
    for path, name in sources(root):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            problems.append(f"{name}: not UTF-8")
            continue
        problems += check_size(name, lines)
        problems += check_descriptors(name, lines)
        problems += check_includes(root, path, name, lines)
        problems += check_ladder(root, name, lines)
        problems += check_fences(name, lines)
        if name.startswith(("libshmbus/", "inspect/")):
            for number, line in enumerate(lines, 1):
                for sync in SYNC.findall(line):
                    syncs.setdefault(sync.rstrip("."), []).append(f"{name}:{number}")
                for point in TESTPOINT.findall(line):
                    points[point] = f"{name}:{number}"
                for mistake in MISTAKE.findall(line):
                    if name != "libshmbus/src/base/scheduled.hpp":  # where the macro is explained
                        planted[mistake] = f"{name}:{number}"
    for sync, places in sorted(syncs.items()):
        if len(places) < 2:
            problems.append(f"{places[0]}: SYNC {sync} stands only here: name its counterpart too")
    argued = root / "docs/memory-model.md"
    if argued.is_file():
        rows = re.findall(r"^\| (`[^|]+) \|", argued.read_text(encoding="utf-8"), re.MULTILINE)
        names = set(re.findall(r"`([^`]+)`", " ".join(rows)))
        problems += [f"docs/memory-model.md: SYNC {name} is not argued" for name in syncs.keys() - names]
        problems += [f"docs/memory-model.md: no SYNC {name} exists" for name in names - syncs.keys()]
    problems += check_points(root, points)
    problems += check_mistakes(root, planted)
    for name in LONG_FILES:
        if not (root / name).is_file():
            problems.append(f"LONG_FILES names {name}, which does not exist")
    return problems


def self_test():
    """Each fault below must be reported, and only that one; the clean file must pass."""
    faults = {
        "libshmbus/src/lane/wide.cpp": ("x" * 101, "101 columns"),
        "libshmbus/src/lane/long.cpp": ("\n" * 400, "401 lines"),
        "libshmbus/src/lane/sync.cpp": ("// SYNC a.b: half", "SYNC a.b stands only here"),
        "libshmbus/src/lane/boost.cpp": ("#include <boost/interprocess/x.hpp>", "boost/"),
        "daemon/opens.cpp": ("  const int fd = ::open(path, O_RDONLY);", "below 3"),
        "cli/opens.cpp": ('  auto* file = std::fopen("x", "r");', "below 3"),
        "libshmbus/src/lane/opens.cpp": ("  fd = memfd_create(name, 0);", "below 3"),
        "libshmbus/src/lane/pid.cpp": ("  fd = ::syscall(SYS_pidfd_open, pid, 0);", "below 3"),
        "libshmbus/src/lane/cli.cpp": ("#include <CLI/CLI.hpp>", "CLI/"),
        "libshmbus/src/words/climb.cpp": ('#include "lane/l.hpp"', "not above lane/"),
        "libshmbus/src/attic/a.cpp": ("int a;", "has no step"),
        "libshmbus/src/call/blind.cpp": (
            "  const auto seen = say_asleep(head);\n  if (!lane.replied(ticket)) sleep();",
            "no sleeper_fence()"),
        "libshmbus/src/serve/deaf.cpp": (
            "  lane.set_mode(LaneMode::cold);\n  (void)sleeper_fence();\n}", "nobody looks once more"),
        "examples/fmt.cpp": ("#include <fmt/format.h>", "fmt/"),
        "libshmbus/src/lane/up.cpp": ('#include "daemon/a.hpp"', "knows nothing"),
        "libshmbus/src/lane/rel.cpp": ('#include "../../../daemon/a.hpp"', "outside the library"),
        "libshmbus/include/shmbus/priv.hpp": ('#include "lane/l.hpp"', "is private"),
        "tests/unit/q_test.cpp": ("#include <concurrentqueue.h>", "its own queues"),
        "docs/memory-model.md": ("| `c.d`, `e.f` | why |", "no SYNC e.f"),
        "libshmbus/src/lane/point.cpp": ('SHMBUS_TESTPOINT("g.h");', "stopped at the test point g.h"),
        POINTS: ('test_points() {\n  "i.j", "k.l"\n}', "no test point k.l"),
        "libshmbus/src/lane/wrong.cpp": ('if (SHMBUS_MISTAKE("m.n"))', "the mistake m.n is not one"),
        MISTAKES: ('Mistake{"o.p", "scene"},', "nobody makes the mistake o.p"),
    }
    clean = {
        "libshmbus/src/segment/a.cpp": "#include <boost/x.hpp>\n// SYNC c.d: one\n// SYNC c.d: two",
        "libshmbus/src/lane/l.hpp": '#include "lane/m.hpp"',
        "libshmbus/src/call/seeing.cpp":
            "  say_asleep(head);\n  const bool exact = sleeper_fence();\n  lane.replied(ticket);",
        "libshmbus/src/lane/p.cpp": 'SHMBUS_TESTPOINT("i.j");',
        "daemon/opens_well.cpp": "Bus::open(n);\ndescriptor::open(n, 0);\n// ::open(n)",
        "daemon/a.hpp": "#include <fmt/format.h>\n#include <CLI/CLI.hpp>",
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in [*clean.items(), *((n, t) for n, (t, _) in faults.items())]:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n", encoding="utf-8")
        problems = check(root)
    failures = [f"missed: {name} ({text})" for name, (_, text) in faults.items()
                if not any(p.startswith(name) and text in p for p in problems)]
    failures += [f"unexpected: {p}" for p in problems if not p.startswith(tuple(faults))]
    return failures


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    problems = self_test() if sys.argv[1] == "--self-test" else check(pathlib.Path(sys.argv[1]))
    print("\n".join(problems) if problems else "tidy")
    sys.exit(1 if problems else 0)


main()
