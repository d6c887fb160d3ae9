"""What mypy says of a program with this package: each line that ends with `# refused: CODE` has that
error, and no other line has any (typed_test.py)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import shmbus
from shmbus import Exactly, Max, Seq, Text, u8, u32


@dataclass
class Person:
    name: Annotated[str, Max(32)]
    age: u8
    tags: Annotated[list[u32], Max(4)]
    key: Annotated[bytes, Exactly(16)]
    notes: Seq[u32]
    about: Text
    nick: Annotated[str, Max(16)] | None = None


def program(bus: shmbus.Bus) -> str:
    @bus.command("greet")
    def greet(person: Person, command: shmbus.Command) -> Annotated[str, Max(64)]:
        age: str = person.age  # refused: assignment
        return f"{command.name} {person.name} {age} {command.remaining + 1.0}"

    greet("nobody")  # refused: call-arg
    born = shmbus.Event("born", Person)
    bus.publisher(born).publish(person="nobody")  # refused: call-arg
    bus.publisher(born).publish("nobody")  # refused: arg-type
    with bus.subscribe(born, start=shmbus.From.latest, when_slow=shmbus.WhenSlow.hold) as born_now:
        for one in born_now:
            years: str = one.age  # refused: assignment
            print(years, one.name, born_now.missed)
    frame: bytes = bus.subscribe(shmbus.Event("frame")).next(timeout=1)
    name: str = bus.subscribe(shmbus.Event("name", Annotated[str, Max(8)])).next()
    print(frame, name)

    @bus.command("older")
    def older(people: shmbus.Reader[Person], out: shmbus.Writer[Person]) -> None:
        for one in people:
            years: str = one.age  # refused: assignment
            out.put(years)  # refused: arg-type
            out.put(one)

    with bus.open("older", shmbus.Stream[Person], shmbus.Stream[Person], gap=1) as both:
        both.put(Person("a", 1, [1], b"0" * 16, [2], "b"), timeout="1")  # refused: arg-type
        print([one.name for one in both])
    call = bus.caller("greet", Person, Annotated[str, Max(64)], wait=True)
    loan = call.loan("much")  # refused: arg-type
    loan.view()[:1] = b"x"
    try:
        return str(call(Person("a", 1, [1], b"0" * 16, [2], "b"), timeout=2))
    except shmbus.Rejected as error:
        return str(error.codes)  # refused: attr-defined
