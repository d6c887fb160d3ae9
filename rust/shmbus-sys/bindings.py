#!/usr/bin/env python3
"""Make src/bindings.rs from the headers of the C interface: bindings.py [--check]

Knows the little of C that those headers use. --check writes nothing, and fails when the file is not
what the headers make of it.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = HERE.parent.parent / "c/include/shmbus/c"
OUT = HERE / "src/bindings.rs"
TYPES = {"int": "c_int", "char": "c_char", "double": "f64", "size_t": "usize", "void": "c_void",
         **{f"{u}int{bits}_t": f"{'u' if u else 'i'}{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)}}


def headers():
    names = re.findall(r"#include <shmbus/c/(\w+\.h)>", (HEADERS.parent / "shmbus.h").read_text())
    text = "\n".join((HEADERS / name).read_text() for name in names)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"#(.*\\\n)*.*", lambda m: m[0] if m[0].startswith("#define SHMBUS_C") or
                  re.match(r"#define SHMBUS_(ABI|\w+_MAX|FOREVER|DEFAULT\w+) ", m[0]) else "", text)


def rust_type(text):
    """"const char* const*" -> "*const *const c_char" """
    base = [one for one in re.findall(r"\w+", text) if one != "const"][0]
    made = TYPES.get(base, base)
    before, behind = text.split(base, 1)
    const = "const" in before
    for one in re.findall(r"\*|const", behind):
        if one == "const":
            const = True
        else:
            made, const = f"*{'const' if const else 'mut'} {made}", False
    return made


def declaration(text):
    """"char text[240]" -> ("text", "[c_char; 240]")"""
    found = re.match(r"^(.*?)(\w+)\s*(?:\[(\w+)\])?$", " ".join(text.split()))
    kind, name, count = found.groups()
    made = rust_type(kind)
    if count:
        made = f"[{made}; {count if count.isdigit() else count + ' as usize'}]"
    return name, made


def closure(text):
    """"void (*call)(void* context)" """
    found = re.match(r"^void \(\*(\w+)\)\((.*)\)$", " ".join(text.split()))
    types = ", ".join(declaration(one)[1] for one in found[2].split(","))
    return found[1], f"Option<unsafe extern \"C\" fn({types})>"


def struct(name, body):
    members = []
    for one in body.split(";"):
        if one.strip():
            members.append(closure(one) if "(*" in one else declaration(one))
    lines = "".join(f"    pub {member}: {kind},\n" for member, kind in members)
    return f"#[repr(C)]\n#[derive(Clone, Copy)]\npub struct {name} {{\n{lines}}}\n"


def function(text):
    result, name, arguments = re.match(r"^(.*?)(\w+)\((.*)\)$", " ".join(text.split())).groups()
    made = []
    for one in [] if arguments == "void" else arguments.split(","):
        argument, kind = declaration(one)
        made.append(f"{argument}: {re.sub(r'^.(c_char); .*$', '*mut c_char', kind)}")
    behind = "" if result.strip() == "void" else f" -> {rust_type(result)}"
    line = f"    pub fn {name}({', '.join(made)}){behind};"
    if len(line) > 100:
        line = f"    pub fn {name}(\n" + "".join(f"        {one},\n" for one in made) + f"    ){behind};"
    return line


def numbers(text):
    made = []
    for body in re.findall(r"enum \{(.*?)\}", text, flags=re.S):
        made += re.findall(r"(\w+)\s*=\s*(-?\d+)", body)
    return made


def bindings():
    text = headers()
    defines = {"SHMBUS_FOREVER": ("i64", "i64::MAX"), "SHMBUS_DEFAULT_TIMEOUT": ("i64", "i64::MIN")}
    for name, value in re.findall(r"#define (SHMBUS_\w+) (\d+)\s*$", text, flags=re.M):
        defines[name] = ("u32", value)
    text = re.sub(r"#.*", "", text)
    handles = re.findall(r"typedef struct (\w+) \1;", text)
    structs = re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", text, flags=re.S)
    functions = re.findall(r"SHMBUS_C_API\s+([^;]*);", text)
    out = ["// Made by bindings.py from the headers of the C interface: change those, not this.\n",
           "use std::os::raw::{c_char, c_int, c_void};\n\n"]
    out += [f"pub const {name}: {kind} = {value};\n" for name, (kind, value) in sorted(defines.items())]
    out.append("\n")
    out += [f"pub const {name}: i32 = {value};\n" for name, value in numbers(text)]
    for name in handles:
        out.append("\n/// A handle: made and ended by functions alone.\n#[repr(C)]\n"
                   f"pub struct {name} {{\n    _opaque: [*mut u8; 0], // neither Send nor Sync\n}}\n")
    out += ["\n" + struct(name, body) for name, body in structs]
    out += ["\nextern \"C\" {\n", *[function(one) + "\n" for one in functions], "}\n"]
    names = "".join(f"    (\"{name}\", std::mem::size_of::<{name}>()),\n" for name, _ in structs)
    out.append("\n/// Sizes, for the test that compares them with the list of the library.\n#[doc(hidden)]\n"
               f"pub const SIZES: &[(&str, usize)] = &[\n{names}];\n")
    return "".join(out)


def main():
    made = bindings()
    if "--check" in sys.argv[1:]:
        if OUT.read_text() != made:
            sys.exit(f"{OUT} is not what the headers make of it: run {pathlib.Path(__file__).name}")
        return
    OUT.write_text(made)


main()
