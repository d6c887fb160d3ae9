"""Does the target shmbus_installed build all that `cmake --install` copies?

  installed.py NINJA BUILD

Reads which files of the build tree the install rules of BUILD name, and which files the commands of
the target make. Parts that are installed only by name (EXCLUDE_FROM_ALL, as the Python package) are left
out: their rules name a component that is not the default and are skipped by CMake without it.
"""
import pathlib
import re
import subprocess
import sys


def installed(build):
    """The products of the build that the rules copy, relative to the build tree."""
    rules = (build / "cmake_install.cmake").read_text(encoding="utf-8")
    products = set()
    for block in re.split(r"\n(?=if\()", rules):
        first = block.split("\n", 1)[0]
        optional = "CMAKE_INSTALL_COMPONENT STREQUAL" in first and "OR NOT" not in first
        paths = re.findall(re.escape(str(build)) + r"/((?:bin|lib|man|python)/(?!cmake_install)[^\"\s]+)", block)
        products.update(path for path in paths if not optional)
    return products


def main():
    ninja, build = sys.argv[1], pathlib.Path(sys.argv[2])
    wanted = installed(build)
    commands = subprocess.run([ninja, "-C", str(build), "-t", "commands", "shmbus_installed"],
                              check=True, capture_output=True, text=True).stdout
    built = {word.removeprefix(str(build) + "/") for word in re.split(r"[\s\"]+", commands)}
    if len(wanted) < 3:
        sys.exit(f"only these are installed: {sorted(wanted)}")
    missing = sorted(wanted - built)
    if missing:
        sys.exit("installed, but not built by the target shmbus_installed (cmake/InstallRules.cmake): "
                 + ", ".join(missing))
    print(f"{len(wanted)} products are installed, and built")


main()
