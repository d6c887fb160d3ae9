"""How values of each type lie in a message: as in the C++ struct with the same members."""
from __future__ import annotations

import enum
import struct
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

from .errors import InvalidArgument, TypeMismatch


def _up(value: int, unit: int) -> int:
    return (value + unit - 1) // unit * unit


class Type:
    """One type: its text, size and alignment, and how its values are written and read."""

    text = "none"
    size = 0
    align = 1
    tail = False  #: some of a value lies behind it

    def put(self, out: bytearray, at: int, value: Any) -> None:
        if value is not None:
            raise InvalidArgument(f"{value!r}: no value is expected")

    def get(self, data: memoryview, at: int) -> Any:
        return None

    def pack(self, value: Any) -> bytes:
        """The message of a value. InvalidArgument when it does not fit."""
        out = bytearray(self.size)
        try:
            self.put(out, 0, value)
        except (struct.error, TypeError, AttributeError, UnicodeError) as error:
            raise InvalidArgument(f"{value!r:.60} is not a {self.text:.60}: {error}") from error
        return bytes(out)

    def unpack(self, data: Any) -> Any:
        """The value of a message. TypeMismatch when there are too few bytes for it."""
        view = memoryview(data)
        if len(view) < self.least():
            raise TypeMismatch(f"the message has {len(view)} bytes, its type {self.size}")
        if len(view) < self.size:  # of an earlier version: what is missing is absent
            view = memoryview(bytes(view) + bytes(self.size - len(view)))
        return self.get(view, 0)

    def least(self) -> int:
        return self.size


class NumberType(Type):
    def __init__(self, text: str, code: str) -> None:
        self.text = text
        self.code = struct.Struct("<" + code)
        self.size = self.align = self.code.size

    def put(self, out: bytearray, at: int, value: Any) -> None:
        self.code.pack_into(out, at, value)

    def get(self, data: memoryview, at: int) -> Any:
        return self.code.unpack_from(data, at)[0]


NUMBERS = {name: NumberType(name, code) for name, code in (
    ("bool", "?"), ("i8", "b"), ("i16", "h"), ("i32", "i"), ("i64", "q"), ("u8", "B"), ("u16", "H"),
    ("u32", "I"), ("u64", "Q"), ("f32", "f"), ("f64", "d"))}


class StrType(Type):
    def __init__(self, count: int, text: str | None = None) -> None:
        self.count, self.align, self.size = count, 4, _up(4 + count, 4)
        self.text = text or f"str{count}"

    def put(self, out: bytearray, at: int, value: Any) -> None:
        data = value.encode()
        if len(data) > self.count:
            raise InvalidArgument(f"{len(data)} bytes, at most {self.count}: {value!r:.60}")
        struct.pack_into("<I", out, at, len(data))
        out[at + 4:at + 4 + len(data)] = data

    def get(self, data: memoryview, at: int) -> Any:
        size = min(struct.unpack_from("<I", data, at)[0], self.count)
        return str(data[at + 4:at + 4 + size], "utf-8", "replace")


class RawType(Type):
    def __init__(self, count: int) -> None:
        self.size, self.text = count, f"raw{count}/1"

    def put(self, out: bytearray, at: int, value: Any) -> None:
        if len(value) != self.size:
            raise InvalidArgument(f"{len(value)} bytes, it has {self.size}")
        out[at:at + self.size] = value

    def get(self, data: memoryview, at: int) -> Any:
        return bytes(data[at:at + self.size])


class UuidType(RawType):
    def __init__(self) -> None:
        super().__init__(16)
        self.text = "uuid"

    def put(self, out: bytearray, at: int, value: Any) -> None:
        super().put(out, at, value.bytes)

    def get(self, data: memoryview, at: int) -> Any:
        return uuid.UUID(bytes=super().get(data, at))


_epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)


class TimeType(Type):
    text, size, align = "time", 8, 8

    def put(self, out: bytearray, at: int, value: Any) -> None:
        since = value - _epoch
        us = (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds
        struct.pack_into("<q", out, at, us * 1000)

    def get(self, data: memoryview, at: int) -> Any:
        return _epoch + timedelta(microseconds=struct.unpack_from("<q", data, at)[0] // 1000)


class EnumType(Type):
    def __init__(self, cls: type[enum.IntEnum]) -> None:
        self.cls, self.base = cls, NUMBERS[getattr(cls, "__shmbus__", "u8")]
        self.size = self.align = self.base.size
        names = ",".join(f"{one.name}={one.value}" for one in cls)
        self.text = f"enum<{self.base.text}({names})>"

    def put(self, out: bytearray, at: int, value: Any) -> None:
        self.base.put(out, at, self.cls(value).value)

    def get(self, data: memoryview, at: int) -> Any:
        value = self.base.get(data, at)
        try:
            return self.cls(value)
        except ValueError as error:
            raise TypeMismatch(f"{value} is no {self.cls.__name__}") from error


class OptionalType(Type):
    align = 8

    def __init__(self, item: Type) -> None:
        self.item, self.size, self.tail = item, _up(item.size + 1, 8), item.tail
        self.text = f"opt<{item.text}>"

    def put(self, out: bytearray, at: int, value: Any) -> None:
        if value is not None:
            self.item.put(out, at, value)
            out[at + self.item.size] = 1

    def get(self, data: memoryview, at: int) -> Any:
        return self.item.get(data, at) if data[at + self.item.size] else None


class ItemsType(Type):
    def __init__(self, kind: str, item: Type, count: int) -> None:
        self.kind, self.item, self.count = kind, item, count
        self.tail = kind == "list" or item.tail
        if kind == "arr":
            self.align, self.size = item.align, count * item.size
        elif kind == "vec":
            self.align = max(4, item.align)
            self.size = _up(_up(4, item.align) + count * item.size, self.align)
        else:
            self.align, self.size = 4, 8
        self.text = f"{kind}{count if kind != 'list' else ''}<{item.text}>"

    def put(self, out: bytearray, at: int, value: Any) -> None:
        count = len(value)
        if self.kind == "arr" and count != self.count:
            raise InvalidArgument(f"{count} elements, it has {self.count}")
        if self.kind == "vec":
            if count > self.count:
                raise InvalidArgument(f"{count} elements, at most {self.count}")
            struct.pack_into("<I", out, at, count)
            at += _up(4, self.item.align)
        if self.kind == "list":
            first = _up(len(out), self.item.align)
            out.extend(bytes(first - len(out) + count * self.item.size))
            struct.pack_into("<II", out, at, first, count)
            at = first
        for i, one in enumerate(value):
            self.item.put(out, at + i * self.item.size, one)

    def get(self, data: memoryview, at: int) -> Any:
        count = self.count
        if self.kind == "vec":
            count = min(struct.unpack_from("<I", data, at)[0], self.count)
            at += _up(4, self.item.align)
        if self.kind == "list":
            at, count = struct.unpack_from("<II", data, at)
            if at > len(data) or count > (len(data) - at) // max(1, self.item.size):
                count = 0  # what leads out of the message is empty
        return [self.item.get(data, at + i * self.item.size) for i in range(count)]


class TextType(Type):
    text, size, align, tail = "text", 8, 4, True

    def put(self, out: bytearray, at: int, value: Any) -> None:
        data = value.encode()
        struct.pack_into("<II", out, at, len(out), len(data))
        out.extend(data)

    def get(self, data: memoryview, at: int) -> Any:
        at, size = struct.unpack_from("<II", data, at)
        return str(data[at:at + size], "utf-8", "replace") if at + size <= len(data) else ""


class StructType(Type):
    def __init__(self, cls: type, members: list[tuple[str, Type]]) -> None:
        self.cls = cls
        self.members: list[tuple[str, Type, int]] = []
        end = 0
        for name, member in members:
            end = _up(end, member.align)
            self.members.append((name, member, end))
            end += member.size
            self.align = max(self.align, member.align)
            self.tail = self.tail or member.tail
        self.size = _up(end, self.align)
        inside = ",".join(f"{name}:{member.text}@{at}" for name, member, at in self.members)
        self.text = f"{{{inside}}}{self.size}/{self.align}"

    def least(self) -> int:
        members = list(self.members)
        if self.tail:
            return self.size
        while len(members) > 1 and isinstance(members[-1][1], OptionalType):
            members.pop()
        return self.size if len(members) == len(self.members) else members[-1][2] + members[-1][1].size

    def put(self, out: bytearray, at: int, value: Any) -> None:
        for name, member, offset in self.members:
            try:
                member.put(out, at + offset, getattr(value, name))
            except (InvalidArgument, struct.error, TypeError, AttributeError, ValueError) as error:
                raise InvalidArgument(f"{self.cls.__name__}.{name}: {error}") from error

    def get(self, data: memoryview, at: int) -> Any:
        return self.cls(**{name: member.get(data, at + offset)
                           for name, member, offset in self.members})
