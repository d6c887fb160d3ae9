#!/usr/bin/env python3
"""Do what the README prints, in an empty folder: readme.py <repository> <build> <work>
or, with what is installed already and found by the environment: readme.py --installed <repository> <work>

Installs the build tree into <work>/prefix, copies the README's files (each block, under the name that
the link before it shows) into <work>/hello, and types the commands of the block that follows them. Then
`uninstall` must leave nothing behind.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import console  # noqa: E402

FILE = re.compile(r"^\[([\w.]+)\]\((examples/hello/[\w.]+)\)")


def fail(message):
    sys.exit(f"FAILED: {message}")


def run(command, **how):
    done = subprocess.run(command, text=True, check=False, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
    if done.returncode != 0:
        fail(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def readme_files(lines):
    """{name: text} of the blocks that a link to a file of the example precedes."""
    files = {}
    for number, line in enumerate(lines):
        name = FILE.match(line)
        if name and lines[number + 1].startswith("```"):
            end = lines.index("```", number + 2)
            files[name[1]] = "\n".join(lines[number + 2:end]) + "\n"
    return files


def check_installed(prefix):
    for wanted in ("bin/shmbus", "bin/shmbusd", "include/shmbus/shmbus.hpp", "share/doc/shmbus/README.md",
                   "share/doc/shmbus/docs/errors.md", "share/man/man1/shmbus.1",
                   "share/man/man1/shmbusd.1", "lib/systemd/system/shmbusd@.service"):
        if not (prefix / wanted).is_file():
            fail(f"{wanted} was not installed")
    page = (prefix / "share/man/man1/shmbus.1").read_text(encoding="utf-8")
    for wanted in (".SH NAME", ".SH SYNOPSIS", '.SS "shmbus call"', '.SS "shmbus doctor"'):
        if wanted not in page:
            fail(f"shmbus.1 lacks {wanted}")
    if shutil.which("groff"):
        for name in ("shmbus.1", "shmbusd.1"):
            warnings = run(["groff", "-man", "-Tutf8", "-ww", "-z", str(prefix / "share/man/man1" / name)])
            if warnings:
                fail(f"{name}:\n{warnings}")


def hello(repository, folder, environment):
    """The programs of the README, from its text alone."""
    lines = (repository / "README.md").read_text(encoding="utf-8").splitlines()
    files = readme_files(lines)
    if set(files) != {"greet.hpp", "handler.cpp", "caller.cpp", "CMakeLists.txt"}:
        fail(f"the README prints {sorted(files)}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    start = next(number for number, line in enumerate(lines) if line.startswith("With these four"))
    problem = console.type_steps(console.steps_of(next(console.blocks(lines, start))), folder, environment)
    if problem:
        fail(problem)
    run(["shmbus", "--bus", "hello", "rm"], env=environment)


def installed_and_removed(repository, build, work):
    prefix = work / "prefix"
    shutil.rmtree(work, ignore_errors=True)
    manifest = build / "install_manifest.txt"
    kept = manifest.read_bytes() if manifest.exists() else None  # of a real installation, perhaps
    try:
        run(["cmake", "--install", str(build), "--prefix", str(prefix)])
        check_installed(prefix)
        libraries = [str(path) for path in prefix.glob("lib*/**/pkgconfig")]
        hello(repository, work / "hello",
              {**os.environ, "PATH": f"{prefix}/bin:{os.environ['PATH']}",
               "CMAKE_PREFIX_PATH": str(prefix), "PKG_CONFIG_PATH": ":".join(libraries)})

        run(["cmake", "--build", str(build), "--target", "uninstall"])
        left = [str(path) for path in prefix.rglob("*") if not path.is_dir() or "shmbus" in path.name]
        if left:
            fail(f"uninstall left {left}")
        print("ok: uninstall")
    finally:
        if kept is not None:
            manifest.write_bytes(kept)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    if sys.argv[1] == "--installed":
        hello(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), os.environ)
    else:
        installed_and_removed(*map(pathlib.Path, sys.argv[1:]))


main()
