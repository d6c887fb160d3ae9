#!/usr/bin/env python3
"""Compute the reply every command of the log must get: `seq checksum size status`, one line each.

Standard library only and nothing shared with the C++ side; README.md beside this file defines the commands.
"""

import base64
import json
import pathlib
import sys
import zlib

OK, NOT_FOUND = 0, 2
NOTHING = (0, 0, NOT_FOUND)


def payload(command, earlier):
    """The bytes a command carries; `earlier` maps the sequence numbers of earlier commands to theirs."""
    out = bytearray()
    for part in command.get("data", ()):
        kind, _, rest = part.partition(":")
        if kind == "text":
            out += rest.encode("ascii")
        elif kind == "b64":
            out += base64.b64decode(rest, validate=True)
        elif kind == "zero":
            out += bytes(int(rest))
        elif kind == "copy":
            seq, at, length = map(int, rest.split(":"))
            source = earlier[seq]
            if at + length > len(source):
                raise ValueError(f"command {command['seq']}: copies past the end of {seq}")
            out += memoryview(source)[at : at + length]
        else:
            raise ValueError(f"command {command['seq']}: unknown part {kind!r}")
    if len(out) != command.get("size", 0):
        raise ValueError(f"command {command['seq']}: {len(out)} bytes, expected {command.get('size', 0)}")
    return bytes(out)


class Store:
    """An in-memory file store: path -> contents, with the CRC kept up to date as contents grow."""

    def __init__(self):
        self.files = {}
        self.crcs = {}

    def reply(self, path):
        if path not in self.files:
            return NOTHING
        return self.crcs[path], len(self.files[path]), OK

    def set(self, path, contents, crc):
        self.files[path] = contents
        self.crcs[path] = crc

    def drop(self, path):
        del self.files[path], self.crcs[path]

    def apply(self, command, data):
        name, path = command["name"], command["path"]
        if name == "file.put":
            self.set(path, bytearray(data), zlib.crc32(data))
        elif name == "file.append":
            contents = self.files.get(path, bytearray())
            contents += data
            self.set(path, contents, zlib.crc32(data, self.crcs.get(path, 0)))
        elif name == "file.read":
            if path not in self.files:
                return NOTHING
            at = command["offset"]
            found = self.files[path][at : at + command["length"]]
            return zlib.crc32(found), len(found), OK
        elif name == "file.stat":
            pass
        elif name in ("file.rename", "file.link"):
            if path not in self.files:
                return NOTHING
            self.set(command["to"], bytearray(self.files[path]), self.crcs[path])
            if name == "file.rename":
                self.drop(path)
            path = command["to"]
        elif name == "file.remove":
            before = self.reply(path)
            if before is not NOTHING:
                self.drop(path)
            return before
        else:
            raise ValueError(f"command {command['seq']}: unknown name {name!r}")
        return self.reply(path)


def answer(command, data, store):
    if command["name"] == "digest.crc32":
        return zlib.crc32(data), len(data), OK
    if command["name"] == "text.count":
        return data.count(b"\n") << 32 | len(data.split()), len(data), OK
    return store.apply(command, data)


def replay(lines, store):
    """Yield (command, payload, reply) in order."""
    earlier = {}
    for line in lines:
        command = json.loads(line)
        data = payload(command, earlier)
        earlier[command["seq"]] = data
        yield command, data, answer(command, data, store)


def main():
    logs = sys.argv[1:] or sorted(pathlib.Path(__file__).parent.glob("*.jsonl"))
    for log in logs:
        with open(log, encoding="ascii") as lines:
            for command, _, (checksum, size, status) in replay(lines, Store()):
                print(f"{command['seq']} {checksum:016x} {size} {status}")


if __name__ == "__main__":
    main()
