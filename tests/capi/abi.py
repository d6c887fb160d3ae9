#!/usr/bin/env python3
"""Holds the C interface against its committed description, tests/capi/abi.txt.

    abi.py REPOSITORY CC LIBRARY            exits 1 and says what differs
    abi.py REPOSITORY CC LIBRARY --update   adds what is new; refuses when something released changed

A line of abi.txt is a function with its types, a struct with its size, a member with its place, or a
constant with its value. A line that stands there is released: it may not change or go. LIBRARY is
libshmbus.a or libshmbus.so; its symbols, those of the headers and those of libshmbus/shmbus.map must
be the same, and in the shared library each must carry the version that the map gives it.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HEADERS = ("base", "bus", "caller", "policy", "server")


def text_of(root):
    folder = root / "libshmbus/include/shmbus/c"
    text = "\n".join((folder / f"{name}.h").read_text(encoding="utf-8") for name in HEADERS)
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def functions(text):
    found = re.findall(r"SHMBUS_C_API\s+([^;]*?\([^;]*\));", text)
    return {re.search(r"(shmbus_[a-z0-9_]+)\(", one)[1]: " ".join(one.split()) for one in found}


def structs(text):
    """Name -> names of the members, function pointers too."""
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, re.DOTALL):
        members = []
        for one in filter(str.strip, body.split(";")):
            pointer = re.search(r"\(\*(\w+)\)", one)
            members.append(pointer[1] if pointer else re.search(r"(\w+)(\[\w+\])?\s*$", one)[1])
        yield name, members


def constants(text):
    for body in re.findall(r"enum \{(.*?)\}", text, re.DOTALL):
        yield from re.findall(r"\b(SHMBUS_\w+)\b\s*=", body)
    for name in re.findall(r"#define (SHMBUS_\w+) (?!_)", text):
        if name not in ("SHMBUS_C_API", "SHMBUS_ERROR_INIT"):
            yield name


def measured(text, include, compiler):
    lines = ["#include <stdio.h>", "#include <shmbus/shmbus.h>", "int main(void) {"]
    for name, members in structs(text):
        lines.append(f'printf("struct {name} size %zu\\n", sizeof({name}));')
        for member in members:
            lines.append(f'printf("struct {name}.{member} at %zu, %zu bytes\\n", '
                         f"offsetof({name}, {member}), sizeof((({name} *)0)->{member}));")
    for name in constants(text):
        lines.append(f'printf("constant {name} = %lld\\n", (long long){name});')
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "abi.c"), pathlib.Path(folder, "abi")
        source.write_text("\n".join(lines), encoding="utf-8")
        subprocess.run([compiler, "-std=c11", "-I", include, source, "-o", program], check=True)
        return subprocess.run([program], check=True, capture_output=True, text=True).stdout


def versions_of(root):
    """Symbol -> version, by the map."""
    text = re.sub(r"/\*.*?\*/", "", (root / "libshmbus/shmbus.map").read_text(encoding="utf-8"),
                  flags=re.DOTALL)
    return {symbol: version for version, body in re.findall(r"(SHMBUS_C_\w+) \{(.*?)\}", text, re.DOTALL)
            for symbol in re.findall(r"\b(shmbus_\w+);", body)}


def symbols_of(library):
    """Symbol -> version, or "" in an archive."""
    shared = ".so" in library.name
    options = ["-D", "--with-symbol-versions"] if shared else []
    out = subprocess.run(["nm", *options, "--defined-only", library], check=True,
                         capture_output=True, text=True).stdout
    return {name: version for name, version in
            re.findall(r"^[0-9a-f]+ T (shmbus_\w+)(?:@@?(\S+))?$", out, re.MULTILINE)}


def symbol_faults(root, declared, library):
    wanted = versions_of(root)
    if not library.is_file():
        yield f"{library} is not built"
        return
    built = symbols_of(library)
    for name in sorted(declared.keys() | wanted.keys() | built.keys()):
        places = [place for place, holds in (("the headers", declared), ("shmbus.map", wanted),
                                             (library.name, built)) if name not in holds]
        if places:
            yield f"{name} is missing in {' and '.join(places)}"
        elif built[name] and built[name] != wanted[name]:
            yield f"{name} has the version {built[name]}, the map says {wanted[name]}"


def main():
    root, compiler, library = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    text = text_of(root)
    declared = functions(text)
    now = [f"function {prototype}" for prototype in declared.values()]
    now += measured(text, root / "libshmbus/include", compiler).splitlines()
    listed = root / "tests/capi/abi.txt"
    released = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    faults = list(symbol_faults(root, declared, library))
    faults += [f"released, and changed or gone: {line}" for line in released if line not in set(now)]
    new = [line for line in now if line not in set(released)]
    if "--update" in sys.argv:
        if not faults:
            listed.write_text("\n".join(released + new) + "\n", encoding="utf-8")
    else:
        faults += [f"not in abi.txt (add it with --update): {line}" for line in new]
    print("\n".join(faults) or f"{len(declared)} functions, {len(now)} lines: as released")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
