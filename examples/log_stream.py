"""Streams: a log is written into a handler line by line, and queried line by line: log_stream.py [BUS]"""
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import shmbus
from shmbus import Reader, Str, Stream, u64


@dataclass
class Line:
    number: u64
    text: Str[80]


bus = shmbus.Bus(sys.argv[1] if len(sys.argv) > 1 else "log")
log: list[Line] = []


@bus.command("log.append")
def append(lines: Reader[Line]) -> u64:
    log.extend(lines)
    return len(log)


@bus.command("log.query")
def query(word: Str[20]) -> Iterator[Line]:
    for line in log:
        if word in line.text:
            yield line  # Cancelled comes out of here when the caller wants no more


serving = threading.Thread(target=bus.serve)
serving.start()

with bus.open("log.append", Stream[Line], u64, wait=True) as out:
    for number in range(1, 1001):
        out.put(Line(number, "error: the disk is full" if number % 100 == 0 else "all is well"))
    appended = out.finish()

with bus.open("log.query", Str[20], Stream[Line], "error", gap=10) as found:
    errors = [line.number for line in found]

print(f"{appended} lines appended, {len(errors)} errors")
bus.stop()
serving.join()
