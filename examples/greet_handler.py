"""The handler of greet.hpp in Python."""
import sys
from dataclasses import dataclass

import shmbus
from shmbus import Str


@dataclass
class Person:
    name: Str[32]


bus = shmbus.Bus(sys.argv[1] if len(sys.argv) > 1 else "hello")


@bus.command("greet")
def greet(person: Person) -> Str[64]:
    return f"hello from Python, {person.name}"


bus.serve()  # until Ctrl-C, or stop()
