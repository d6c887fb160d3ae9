"""The package and a program that uses it, by mypy: typed_test.py PACKAGE-FOLDER"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def mypy(folder, *arguments):
    with tempfile.TemporaryDirectory() as cache:
        return subprocess.run(["mypy", "--strict", "--cache-dir", cache, *arguments], cwd=cache,
                              env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(folder)}, check=False,
                              capture_output=True, text=True)


def main():
    if shutil.which("mypy", path="/usr/bin:/bin") is None:
        print("SKIPPED: mypy is missing; scripts/deps installs it")
        return 0
    package = mypy(sys.argv[1], "-p", "shmbus")
    sys.stdout.write(package.stdout + package.stderr)
    program = HERE / "typed.py"
    wanted = {(number, found[1]) for number, line in enumerate(program.read_text().splitlines(), 1)
              if (found := re.search(r"# refused: ([a-z-]+)$", line))}
    result = mypy(sys.argv[1], str(program))
    found = {(int(number), code)
             for number, code in re.findall(r":(\d+): error: .*\[([a-z-]+)\]$", result.stdout, re.MULTILINE)}
    # One call with a wrong argument lacks another one, too.
    found = {(number, "call-arg" if (number, "call-arg") in found else code) for number, code in found}
    for number, code in sorted(found ^ wanted):
        print(f"typed.py:{number}: {'unexpected' if (number, code) in found else 'missing'}: {code}")
    return 1 if package.returncode or found != wanted or not wanted else 0


sys.exit(main())
