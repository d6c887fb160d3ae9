"""Streams, with both sides in Python, and with a C++ side where PEER names it: test_streams.py [PEER]"""
import asyncio
import dataclasses
import signal
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import shmbus
from shmbus import Reader, Records, Stream, Writer, u64
from test_events import Line, OnABus, line_of
from test_shmbus import serving


@dataclasses.dataclass
class Query:
    count: u64
    fail_at: u64 = 0


@dataclasses.dataclass
class Sum:
    lines: u64
    sum: u64


def lines(wanted: Query, out: Writer[Line]) -> None:
    for i in range(1, wanted.count + 1):
        if i == wanted.fail_at:
            raise shmbus.Reject(42, "no more")
        out.put(line_of(i))


def generated(wanted: Query) -> Iterator[Line]:
    for i in range(1, wanted.count + 1):
        if i == wanted.fail_at:
            raise shmbus.Reject(42, "no more")
        yield line_of(i)


async def async_generated(wanted: Query) -> AsyncIterator[Line]:
    for i in range(1, wanted.count + 1):
        yield line_of(i)


def append(records: Reader[Line]) -> Sum:
    numbers = []
    for line in records:
        if line != line_of(line.number):
            raise shmbus.Reject(7, "no line")
        numbers.append(line.number)
    return Sum(len(numbers), sum(numbers))


async def async_append(records: AsyncIterator[Line]) -> Sum:
    numbers = [line.number async for line in records]
    return Sum(len(numbers), sum(numbers))


def echo(records: Reader[Line], out: Writer[Line]) -> None:
    for line in records:
        out.put(line)


async def async_echo(records: Reader[Line], out: Writer[Line]) -> None:
    async for line in records:
        await out.aput(line)


class Streams(OnABus):
    def query(self):
        return self.bus.caller("lines", Query, Stream[Line])

    def test_records_of_the_handler(self):
        for handler in (lines, generated):
            with serving(self.bus, ("lines", handler)):
                self.assertIn("->stream<{", self.bus.schema("lines"))
                with self.query().open(Query(500), window=4096) as found:
                    self.assertEqual(list(found), [line_of(i) for i in range(1, 501)])
                read = []
                with self.assertRaises(shmbus.Rejected) as caught:
                    for line in self.bus.open("lines", Query, Stream[Line], Query(100, 50)):
                        read.append(line.number)
                self.assertEqual((read, caught.exception.code), (list(range(1, 50)), 42))

    def test_records_to_the_handler(self):
        with serving(self.bus, ("append", append)):
            call = self.bus.caller("append", Stream[Line], Sum)
            with call.open(window=4096) as out:
                for i in range(1, 501):
                    out.put(line_of(i))
                self.assertEqual(out.finish(), Sum(500, 500 * 501 // 2))
                self.assertEqual(out.finish(), Sum(500, 500 * 501 // 2))
            with self.assertRaisesRegex(shmbus.Rejected, "no line"):
                with call.open(window=4096) as out:
                    while True:
                        out.put(Line(1, "x"))
            with self.assertRaisesRegex(TypeError, "open"):
                call(None)

    def test_both_ways(self):
        with ThreadPoolExecutor(2) as pool, serving(self.bus, ("echo", echo), executor=pool):
            with self.bus.caller("echo", Stream[Line], Stream[Line]).open(window=1024) as both:
                sent = [line_of(i) for i in range(300)]
                self.assertEqual(list(both.exchange(sent)), sent)

    def test_a_caller_that_cancels_stops_its_handler(self):
        stopped = []

        def endless(wanted: Query) -> Iterator[Line]:
            try:
                while True:
                    yield line_of(1)
            finally:
                stopped.append(True)

        with serving(self.bus, ("lines", endless)):
            found = self.query().open(Query(0), window=1024)
            self.assertEqual(next(found), line_of(1))
            found.cancel()
            with self.assertRaises(shmbus.Cancelled):
                found.end()
            with self.query().open(Query(0), window=1024) as found:
                next(found)  # leaving cancels too
            while len(stopped) < 2:
                time.sleep(0.001)

    def test_deadlines_and_gaps(self):
        go = threading.Event()

        def slow(wanted: Query, out: Writer[Line]) -> None:
            out.put(line_of(1))
            go.wait(20)
            out.put(line_of(2))
            if wanted.count:
                while True:
                    out.put(line_of(3))

        with serving(self.bus, ("lines", slow)):
            with self.query().open(Query(0), gap=0.05) as found:
                self.assertEqual(next(found).number, 1)
                with self.assertRaises(shmbus.TimedOut):
                    next(found)
                go.set()
                self.assertEqual(found.next(timeout=20).number, 2)
                self.assertEqual(list(found), [])
            with self.query().open(Query(1), timeout=0.2, window=1024) as found:
                time.sleep(0.3)
                with self.assertRaises(shmbus.TimedOut):
                    found.end()

    def test_closing_ends_when_the_handler_dies(self):
        stuck = """
import sys, time, shmbus
bus = shmbus.Bus(sys.argv[1])
server = bus.server()
server.on_bytes("stuck", lambda request, command: (command.reader(), time.sleep(1000))[1])
print("ready", flush=True)
server.run()
"""
        command = [sys.executable, "-c", stuck, self.bus.path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                self.assertEqual(process.stdout.readline(), "ready\n")
                out = self.bus.caller("stuck").open(records=shmbus.Records.to_handler, window=256)
                with self.assertRaises(shmbus.TimedOut):
                    while True:  # until there is not even room for the end
                        out.put(b"x" * 48, timeout=0)
                with self.assertRaises(shmbus.TimedOut):
                    while True:
                        out.put(b"", timeout=0)
            finally:
                process.kill()
            process.wait()
            out.close()
            with self.assertRaises((shmbus.HandlerDiedBeforeStart, shmbus.HandlerDiedAfterStart)):
                out.finish()

    def test_bytes_and_misuse(self):
        def mirror(request, command):
            reader, writer = command.reader(), command.writer()
            with self.assertRaises(shmbus.InvalidArgument):
                command.reader()
            ends.append(writer)
            for record in reader:
                writer.put(record)

        ends = []
        server = self.bus.server()
        server.on_bytes("mirror", mirror)
        server.on("lines", lines)
        raw = self.bus.caller("mirror")
        with self.assertRaisesRegex(TypeError, "records"):
            raw.open()
        with raw.open(records=Records.both, window=1024) as both:
            with self.assertRaises(shmbus.TooLarge):
                both.put(b"x" * 2000)
            for one in (b"one", b"", b"three"):
                both.put(one)
            both.close()
            server.run(0.05)
            self.assertEqual(list(both), [b"one", b"", b"three"])
            with ThreadPoolExecutor(1) as pool, self.assertRaises(shmbus.WrongThread):
                pool.submit(both.next).result()
        with self.assertRaisesRegex(ValueError, "closed"):
            both.next()
        with self.assertRaisesRegex(ValueError, "closed"):
            ends[0].put(b"late")
        with self.assertRaises(shmbus.TypeMismatch):
            self.bus.caller("lines", Query, Line)
        pending = self.bus.caller("mirror").start(b"", timeout=5)
        server.run(0.05)
        with self.assertRaises(shmbus.Rejected):
            pending.result()
        server.close()


class Loops(OnABus):
    def test_asyncio_on_both_sides(self):
        async def both():
            server = self.bus.server()
            for name, handler in (("lines", async_generated), ("append", async_append),
                                  ("echo", async_echo)):
                server.on(name, handler)
            serving_it = asyncio.create_task(server.arun())
            sent = [line_of(i) for i in range(1, 101)]
            async with await self.bus.caller("lines", Query, Stream[Line]).aopen(
                    Query(100), window=1024) as found:
                self.assertEqual([line async for line in found], sent)
            async with await self.bus.caller("append", Stream[Line], Sum).aopen(window=1024) as out:
                for line in sent:
                    await out.aput(line)
                self.assertEqual(await out.afinish(), Sum(100, 5050))
            async with await self.bus.caller("echo", Stream[Line], Stream[Line]).aopen(
                    window=1024) as stream:

                async def put():
                    for line in sent:
                        await stream.aput(line)
                    await stream.aclose()

                putting = asyncio.create_task(put())
                self.assertEqual([line async for line in stream], sent)
                await putting
            server.stop()
            await serving_it
            server.close()

        asyncio.run(asyncio.wait_for(both(), 60))


class Processes(OnABus):
    def test_handlers_in_c_plus_plus(self):
        with self.peer("serve"):
            self.bus.wait_until_available("echo", 20)
            with self.bus.open("lines", Query, Stream[Line], Query(1000), window=4096) as found:
                self.assertEqual(list(found), [line_of(i) for i in range(1, 1001)])
            with self.assertRaises(shmbus.Rejected) as caught:
                list(self.bus.open("lines", Query, Stream[Line], Query(10, 5)))
            self.assertEqual(caught.exception.code, 42)
            with self.bus.open("append", Stream[Line], Sum, window=4096) as out:
                for i in range(1, 1001):
                    out.put(line_of(i))
                self.assertEqual(out.finish(), Sum(1000, 500500))
            with self.bus.open("echo", Stream[Line], Stream[Line], window=1024) as both:
                sent = [line_of(i) for i in range(1, 201)]
                self.assertEqual(list(both.exchange(sent)), sent)

    def test_callers_in_c_plus_plus(self):
        with serving(self.bus, ("lines", generated), ("append", append), ("echo", echo)):
            with self.peer("call", 1000) as peer:
                self.assertEqual(peer.communicate(timeout=30)[0].splitlines(),
                                 ["1000 500500 ok 0", f"499 {499 * 250} rejected 42", "1000 500500",
                                  "20 210 ok 0"])
                self.assertEqual(peer.returncode, 0)

    def test_a_handler_that_dies(self):
        with self.peer("serve") as peer:
            self.bus.wait_until_available("echo", 20)
            found = self.bus.open("lines", Query, Stream[Line], Query(10**9), window=4096)
            next(found)
            out = self.bus.open("append", Stream[Line], Sum)
            peer.kill()
            with self.assertRaises(shmbus.HandlerDiedAfterStart):
                for _ in found:
                    pass
            with self.assertRaises(shmbus.HandlerDiedBeforeStart):
                out.finish()

    def test_ctrl_c_ends_each_wait(self):
        program = """
import sys, shmbus
bus = shmbus.Bus(sys.argv[1])
call = bus.caller("idle")
def fill():
    out = call.open(records=shmbus.Records.to_handler, window=1024)
    while True:
        out.put(b"x" * 100)
for wait in (lambda: next(call.open()), fill,
             lambda: call.open(records=shmbus.Records.to_handler).finish(),
             lambda: next(call.open(records=shmbus.Records.from_handler)),
             lambda: bus.caller("nobody", wait=True).open(records=shmbus.Records.both)):
    print("waiting", flush=True)
    try:
        wait()
    except (KeyboardInterrupt, TypeError) as error:
        print(type(error).__name__, flush=True)
"""
        server = self.bus.server()
        server.on_bytes("idle", lambda request, command: None)
        child = subprocess.Popen([sys.executable, "-c", program, self.bus.path],
                                 stdout=subprocess.PIPE, text=True)
        self.assertEqual(child.stdout.readline(), "waiting\n")
        self.assertEqual(child.stdout.readline(), "TypeError\n")
        for _ in range(4):
            self.assertEqual(child.stdout.readline(), "waiting\n")
            time.sleep(0.2)
            child.send_signal(signal.SIGINT)
            self.assertEqual(child.stdout.readline(), "KeyboardInterrupt\n")
        child.communicate(timeout=20)
        self.assertEqual(child.returncode, 0)
        server.close()


if __name__ == "__main__":
    unittest.main()
