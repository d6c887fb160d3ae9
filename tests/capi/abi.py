#!/usr/bin/env python3
"""Compares the C interface with its committed description, tests/capi/abi.txt.

    abi.py REPOSITORY CC LIBRARY...            exits 1 and prints the differences
    abi.py REPOSITORY CC LIBRARY... --update   adds what is new; refuses when something released changed
    abi.py --self-test                         changes a copy of the headers, and expects to find that

A line of abi.txt is a function with its types, a struct with its size, a member with its place, or a
constant with its value. A line that stands there is released: it may not change or go. A LIBRARY is
libshmbus-c.a or libshmbus-c.so; its functions, those of the headers and those of c/shmbus_c.map must be
the same. In a shared library each has the version that the map gives it, and nothing else is exported.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HEADERS = ("base", "bus", "caller", "event", "policy", "server", "stream")


def text_of(root):
    folder = root / "c/include/shmbus/c"
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
    text = re.sub(r"/\*.*?\*/", "", (root / "c/shmbus_c.map").read_text(encoding="utf-8"),
                  flags=re.DOTALL)
    return {symbol: version for version, body in re.findall(r"(SHMBUS_C_\w+) \{(.*?)\}", text, re.DOTALL)
            for symbol in re.findall(r"\b(shmbus_\w+);", body)}


def symbols_of(library):
    """Symbol -> version, or "" in an archive, where only the functions of C count."""
    shared = ".so" in library.name
    options = ["-D", "--with-symbol-versions"] if shared else []
    out = subprocess.run(["nm", *options, "--defined-only", library], check=True,
                         capture_output=True, text=True).stdout
    pattern = r"^[0-9a-f]+ [B-Z] (\S+?)(?:@@?(\S+))?$" if shared else r"^[0-9a-f]+ T (shmbus_\w+)()$"
    return {name: version for name, version in re.findall(pattern, out, re.MULTILINE)}


def symbol_faults(wanted, declared, library):
    if not library.is_file():
        yield f"{library} is not built"
        return
    built = symbols_of(library)
    for name in sorted(declared.keys() | wanted.keys() | built.keys()):
        places = [place for place, holds in (("the headers", declared), ("shmbus_c.map", wanted),
                                             (library.name, built)) if name not in holds]
        if places:
            yield f"{name} is missing in {' and '.join(places)}"
        elif built[name] and built[name] != wanted[name]:
            yield f"{name} has the version {built[name]}, the map says {wanted[name]}"


def described(root, compiler):
    """The functions of the headers, and the lines that abi.txt should have."""
    text = text_of(root)
    declared = functions(text)
    lines = [f"function {prototype}" for prototype in declared.values()]
    return declared, lines + measured(text, root / "c/include", compiler).splitlines()


def changes(released, now):
    """(Faults, lines that are new)"""
    have = set(now)
    old = set(released)
    return ([f"released, and changed or gone: {line}" for line in released if line not in have],
            [line for line in now if line not in old])


def self_test():
    """Each change of something released is found, and an addition is not one."""
    root = pathlib.Path(__file__).resolve().parents[2]
    released = described(root, "cc")[1]
    edits = (("base.h", "char text[240];", "char text[248];", "struct shmbus_error_t size"),
             ("base.h", "int32_t kind;\n  int32_t code;      ", "int32_t code;\n  int32_t kind;      ",
              "struct shmbus_cause_t.code at"),
             ("base.h", "SHMBUS_TIMED_OUT = 3,", "SHMBUS_TIMED_OUT = 33,", "constant SHMBUS_TIMED_OUT"),
             ("caller.h", "void shmbus_loan_shrink(", "int shmbus_loan_shrink(",
              "function void shmbus_loan_shrink"),
             ("server.h", "SHMBUS_C_API void shmbus_server_stop(shmbus_server_t* server);", "",
              "function void shmbus_server_stop"),
             ("server.h", "SHMBUS_C_API void shmbus_server_stop(",
              "SHMBUS_C_API int shmbus_more(void);\nSHMBUS_C_API void shmbus_server_stop(", None))
    for file, before, after, wanted in edits:
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            shutil.copytree(root / "c/include", copy / "c/include")
            header = copy / "c/include/shmbus/c" / file
            text = header.read_text(encoding="utf-8")
            assert before in text, f"{file} has no longer: {before}"
            header.write_text(text.replace(before, after), encoding="utf-8")
            faults, _ = changes(released, described(copy, "cc")[1])
        found = any(wanted in fault for fault in faults) if wanted else not faults
        assert found, f"{before} -> {after}: {faults}"
    print(f"{len(edits)} changes judged rightly")
    return 0


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    update = "--update" in sys.argv
    root, compiler, *libraries = [one for one in sys.argv[1:] if one != "--update"]
    root = pathlib.Path(root)
    declared, now = described(root, compiler)
    listed = root / "tests/capi/abi.txt"
    released = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    faults, new = changes(released, now)
    wanted = versions_of(root)
    for library in libraries:
        faults += symbol_faults(wanted, declared, pathlib.Path(library))
    if not update:
        faults += [f"not in abi.txt (add it with --update): {line}" for line in new]
    elif not faults:
        listed.write_text("\n".join(released + new) + "\n", encoding="utf-8")
    print("\n".join(faults) or f"{len(declared)} functions, {len(now)} lines: as released")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
