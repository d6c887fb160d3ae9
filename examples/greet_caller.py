"""Calls greet.hpp's command from Python."""
import sys
from dataclasses import dataclass

import shmbus
from shmbus import Str


@dataclass
class Person:
    name: Str[32]


bus = shmbus.Bus(sys.argv[1] if len(sys.argv) > 1 else "hello")
greet = bus.caller("greet", Person, Str[64], wait=True)  # start in any order
print(greet(Person(sys.argv[2] if len(sys.argv) > 2 else "world"), timeout=2))
