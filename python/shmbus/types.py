"""Types of commands: Python annotations to the schema of the bus, and values to bytes and back.

    @dataclass
    class Person:
        name: Str[32]
        age: u8
        nick: Str[16] | None = None

    type_of(Person).text == "{name:str32@0,age:u8@36,nick:opt<str16>@40}64/8"

    bool, float, u8 .. u64, i8 .. i64, f32, f64     uuid.UUID    datetime (aware, ns are cut)
    Str[N]: at most N bytes of UTF-8    Email    Raw[N]: bytes    an enum.IntEnum (u8, or __shmbus__)
    Vec[T, N]: at most N    Arr[T, N]: exactly N    T | None    a dataclass
    Text, Seq[T]: of any length, behind the struct

A checker of types, such as mypy, takes these for the same:

    Annotated[str, Max(N)]        Str[N]       Annotated[bytes, Exactly(N)]    Raw[N]
    Annotated[list[T], Max(N)]    Vec[T, N]    Annotated[list[T], Exactly(N)]  Arr[T, N]

The layout is that of the C++ struct with the same members, so both sides may be of either language.
"""
from __future__ import annotations

import dataclasses
import enum
import struct
import types
import typing
import uuid
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, TypeAlias

from .errors import InvalidArgument, TypeMismatch


class _Kind(typing.NamedTuple):
    name: str
    size: int = 0
    item: Any = None


class Max(typing.NamedTuple):
    """`Annotated[str, Max(32)]`: at most 32 bytes; of a list: at most 32 elements."""

    size: int


class Exactly(typing.NamedTuple):
    """`Annotated[bytes, Exactly(16)]`: 16 bytes; of a list: 16 elements."""

    size: int


if typing.TYPE_CHECKING:  # what a checker of types sees: their size is an affair of the bus
    u8: TypeAlias = int
    u16: TypeAlias = int
    u32: TypeAlias = int
    u64: TypeAlias = int
    i8: TypeAlias = int
    i16: TypeAlias = int
    i32: TypeAlias = int
    i64: TypeAlias = int
    f32: TypeAlias = float
    f64: TypeAlias = float
    Email: TypeAlias = str
    Text: TypeAlias = str
    Seq = list
else:
    u8, u16, u32, u64 = (Annotated[int, _Kind(f"u{b}")] for b in (8, 16, 32, 64))
    i8, i16, i32, i64 = (Annotated[int, _Kind(f"i{b}")] for b in (8, 16, 32, 64))
    f32, f64 = Annotated[float, _Kind("f32")], Annotated[float, _Kind("f64")]
    Email = Annotated[str, _Kind("email")]
    Text = Annotated[str, _Kind("text")]


class Str:
    def __class_getitem__(cls, count: int) -> Any:
        return Annotated[str, _Kind("str", count)]


class Raw:
    def __class_getitem__(cls, count: int) -> Any:
        return Annotated[bytes, _Kind("raw", count)]


class Vec:
    def __class_getitem__(cls, args: tuple[Any, int]) -> Any:
        return Annotated[list, _Kind("vec", args[1], args[0])]


class Arr:
    def __class_getitem__(cls, args: tuple[Any, int]) -> Any:
        return Annotated[list, _Kind("arr", args[1], args[0])]


if not typing.TYPE_CHECKING:

    class Seq:
        def __class_getitem__(cls, item):
            return Annotated[list[item], _Kind("list", 0, item)]


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


class _Number(Type):
    def __init__(self, text: str, code: str) -> None:
        self.text = text
        self.code = struct.Struct("<" + code)
        self.size = self.align = self.code.size

    def put(self, out: bytearray, at: int, value: Any) -> None:
        self.code.pack_into(out, at, value)

    def get(self, data: memoryview, at: int) -> Any:
        return self.code.unpack_from(data, at)[0]


_numbers = {name: _Number(name, code) for name, code in (
    ("bool", "?"), ("i8", "b"), ("i16", "h"), ("i32", "i"), ("i64", "q"), ("u8", "B"), ("u16", "H"),
    ("u32", "I"), ("u64", "Q"), ("f32", "f"), ("f64", "d"))}


class _Str(Type):
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


class _Raw(Type):
    def __init__(self, count: int) -> None:
        self.size, self.text = count, f"raw{count}/1"

    def put(self, out: bytearray, at: int, value: Any) -> None:
        if len(value) != self.size:
            raise InvalidArgument(f"{len(value)} bytes, it has {self.size}")
        out[at:at + self.size] = value

    def get(self, data: memoryview, at: int) -> Any:
        return bytes(data[at:at + self.size])


class _Uuid(_Raw):
    def __init__(self) -> None:
        super().__init__(16)
        self.text = "uuid"

    def put(self, out: bytearray, at: int, value: Any) -> None:
        super().put(out, at, value.bytes)

    def get(self, data: memoryview, at: int) -> Any:
        return uuid.UUID(bytes=super().get(data, at))


_epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)


class _Time(Type):
    text, size, align = "time", 8, 8

    def put(self, out: bytearray, at: int, value: Any) -> None:
        since = value - _epoch
        us = (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds
        struct.pack_into("<q", out, at, us * 1000)

    def get(self, data: memoryview, at: int) -> Any:
        return _epoch + timedelta(microseconds=struct.unpack_from("<q", data, at)[0] // 1000)


class _Enum(Type):
    def __init__(self, cls: type[enum.IntEnum]) -> None:
        self.cls, self.base = cls, _numbers[getattr(cls, "__shmbus__", "u8")]
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


class _Optional(Type):
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


class _Items(Type):
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


class _Text(Type):
    text, size, align, tail = "text", 8, 4, True

    def put(self, out: bytearray, at: int, value: Any) -> None:
        data = value.encode()
        struct.pack_into("<II", out, at, len(out), len(data))
        out.extend(data)

    def get(self, data: memoryview, at: int) -> Any:
        at, size = struct.unpack_from("<II", data, at)
        return str(data[at:at + size], "utf-8", "replace") if at + size <= len(data) else ""


class _Struct(Type):
    def __init__(self, cls: type) -> None:
        self.cls = cls
        hints = typing.get_type_hints(cls, include_extras=True)
        self.members: list[tuple[str, Type, int]] = []
        end = 0
        for field in dataclasses.fields(cls):
            member = type_of(hints[field.name])
            end = _up(end, member.align)
            self.members.append((field.name, member, end))
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
        while len(members) > 1 and isinstance(members[-1][1], _Optional):
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


def _of_kind(kind: _Kind) -> Type:
    if kind.name in _numbers:
        return _numbers[kind.name]
    if kind.name in ("vec", "arr", "list"):
        return _Items(kind.name, type_of(kind.item), kind.size)
    if kind.name == "email":
        return _Str(254, "email")
    if kind.name == "text":
        return _Text()
    return _Str(kind.size) if kind.name == "str" else _Raw(kind.size)


def _of_size(annotation: Any, size: Max | Exactly) -> Type:
    if annotation is str and isinstance(size, Max):
        return _Str(size.size)
    if annotation is bytes and isinstance(size, Exactly):
        return _Raw(size.size)
    if typing.get_origin(annotation) is list:
        item = type_of(typing.get_args(annotation)[0])
        return _Items("vec" if isinstance(size, Max) else "arr", item, size.size)
    raise TypeError(f"{annotation!r} has no {size!r}: a str has Max, bytes have Exactly, a list either")


_known: dict[Any, Type] = {}


def type_of(annotation: Any) -> Type:
    """The type that an annotation stands for; None: nothing. TypeError when it stands for none."""
    try:
        found = _known.get(annotation)
    except TypeError:
        found = None
    if found is None:
        found = _make(annotation)
        _known[annotation] = found
    return found


def _make(annotation: Any) -> Type:
    if annotation is None or annotation is type(None):
        return Type()
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        for one in args[1:]:
            if isinstance(one, _Kind):
                return _of_kind(one)
            if isinstance(one, (Max, Exactly)):
                return _of_size(args[0], one)
    if origin in (typing.Union, types.UnionType) and len(args) == 2 and type(None) in args:
        return _Optional(type_of(args[0] if args[1] is type(None) else args[1]))
    if annotation is bool:
        return _numbers["bool"]
    if annotation is float:
        return _numbers["f64"]
    if annotation is uuid.UUID:
        return _Uuid()
    if annotation is datetime:
        return _Time()
    if isinstance(annotation, type) and issubclass(annotation, enum.IntEnum):
        return _Enum(annotation)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _Struct(annotation)
    hint = {int: "u8 .. u64 or i8 .. i64", str: "Str[N] or Text", bytes: "Raw[N]",
            list: "Vec[T, N], Arr[T, N] or Seq[T]"}.get(origin or annotation, "see shmbus.types")
    raise TypeError(f"{annotation!r} has no size on the bus; use {hint}")
