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
import types
import typing
import uuid
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from ._layout import (NUMBERS, EnumType, ItemsType, OptionalType, RawType, StrType, StructType, TextType,
                      TimeType, Type, UuidType)


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


def _of_kind(kind: _Kind) -> Type:
    if kind.name in NUMBERS:
        return NUMBERS[kind.name]
    if kind.name in ("vec", "arr", "list"):
        return ItemsType(kind.name, type_of(kind.item), kind.size)
    if kind.name == "email":
        return StrType(254, "email")
    if kind.name == "text":
        return TextType()
    return StrType(kind.size) if kind.name == "str" else RawType(kind.size)


def _of_size(annotation: Any, size: Max | Exactly) -> Type:
    if annotation is str and isinstance(size, Max):
        return StrType(size.size)
    if annotation is bytes and isinstance(size, Exactly):
        return RawType(size.size)
    if typing.get_origin(annotation) is list:
        item = type_of(typing.get_args(annotation)[0])
        return ItemsType("vec" if isinstance(size, Max) else "arr", item, size.size)
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
        return OptionalType(type_of(args[0] if args[1] is type(None) else args[1]))
    if annotation is bool:
        return NUMBERS["bool"]
    if annotation is float:
        return NUMBERS["f64"]
    if annotation is uuid.UUID:
        return UuidType()
    if annotation is datetime:
        return TimeType()
    if isinstance(annotation, type) and issubclass(annotation, enum.IntEnum):
        return EnumType(annotation)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        hints = typing.get_type_hints(annotation, include_extras=True)
        members = [(field.name, type_of(hints[field.name])) for field in dataclasses.fields(annotation)]
        return StructType(annotation, members)
    hint = {int: "u8 .. u64 or i8 .. i64", str: "Str[N] or Text", bytes: "Raw[N]",
            list: "Vec[T, N], Arr[T, N] or Seq[T]"}.get(origin or annotation, "see shmbus.types")
    raise TypeError(f"{annotation!r} has no size on the bus; use {hint}")
