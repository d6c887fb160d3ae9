"""The Python package, both sides in Python: handlers in processes of their own, or in a thread."""
import asyncio
import contextlib
import dataclasses
import enum
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Optional

import shmbus
from shmbus import Arr, Email, Raw, Seq, Str, Text, Vec, f32, i16, u8, u16, u32, u64


class Plan(enum.IntEnum):
    free = 0
    paid = 1


@dataclasses.dataclass
class Address:
    street: Str[16]
    number: u16


@dataclasses.dataclass
class User:
    id: u64
    email: Email
    plan: Plan
    active: bool
    ratio: f32
    pair: Arr[i16, 2]
    addresses: Vec[Address, 3]
    key: uuid.UUID
    since: datetime
    stamp: Raw[3]
    body: Text
    numbers: Seq[u32]
    nick: Optional[Str[8]] = None


ada = User(7, "a@b.c", Plan.paid, True, 0.5, [-1, 2], [Address("Elm", 1)], uuid.uuid4(),
           datetime(2026, 11, 22, 8, 30, tzinfo=timezone.utc), b"abc", "Grüße", [1, 2, 3], "ada")


class Place:
    """A folder for a bus."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        return os.path.join(self.folder.name, "bus")

    def __exit__(self, *ignored):
        self.folder.cleanup()


@contextlib.contextmanager
def serving(bus, *registrations, **options):
    """A thread that serves (name, function) pairs."""
    ready, server = threading.Event(), []

    def run():
        with bus.server() as mine:
            for name, function in registrations:
                mine.on(name, function, **options)
            server.append(mine)
            ready.set()
            mine.run()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield server[0]
    finally:
        server[0].stop()
        thread.join()


def mirror(user: User) -> User:
    return user


def add_one(number: u32) -> u32:
    if number == 13:
        raise shmbus.Reject(42, "unlucky")
    if number == 14:
        raise ZeroDivisionError("by nothing")
    return number + 1


class Types(unittest.TestCase):
    def test_text_is_that_of_the_c_plus_plus_struct(self):
        self.assertEqual(shmbus.type_of(Address).text, "{street:str16@0,number:u16@20}24/4")
        self.assertEqual(shmbus.type_of(Plan).text, "enum<u8(free=0,paid=1)>")
        self.assertEqual(shmbus.type_of(None).text, "none")
        self.assertEqual(shmbus.type_of(Vec[u64, 3]).text, "vec3<u64>")
        self.assertEqual(shmbus.type_of(Vec[u64, 3]).size, 32)

    def test_there_and_back(self):
        kind = shmbus.type_of(User)
        self.assertEqual(kind.unpack(kind.pack(ada)), ada)

    def test_what_does_not_fit_is_named(self):
        with self.assertRaisesRegex(shmbus.InvalidArgument, "street: 20 bytes, at most 16"):
            shmbus.type_of(Address).pack(Address("x" * 20, 1))
        with self.assertRaisesRegex(shmbus.InvalidArgument, "number"):
            shmbus.type_of(Address).pack(Address("x", 70000))
        with self.assertRaisesRegex(TypeError, "u8 .. u64"):
            shmbus.type_of(int)

    def test_an_earlier_version_lacks_optional_members(self):
        grown = dataclasses.make_dataclass("Grown", [("id", u32), ("more", Optional[u32], None)])
        kind = shmbus.type_of(grown)
        self.assertEqual(kind.unpack(b"\5\0\0\0"), grown(5))
        with self.assertRaises(shmbus.TypeMismatch):
            kind.unpack(b"\5\0\0")


class Calls(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.bus = shmbus.Bus(self.place.__enter__(), label="python test")

    def tearDown(self):
        self.bus.close()
        self.place.__exit__()

    def test_dataclasses_both_ways(self):
        with serving(self.bus, ("mirror", mirror)):
            call = self.bus.caller("mirror", User, User)
            self.assertEqual(call(ada, timeout=5), ada)
            self.assertIn("id:u64@0", self.bus.schema("mirror"))

    def test_errors_by_kind(self):
        with serving(self.bus, ("add", add_one)):
            call = self.bus.caller("add", u32, u32)
            self.assertEqual(call(1), 2)
            with self.assertRaises(shmbus.Rejected) as caught:
                call(13)
            self.assertEqual((caught.exception.code, str(caught.exception)), (42, "unlucky"))
            self.assertTrue(caught.exception.may_have_run)
            with self.assertRaisesRegex(shmbus.Rejected, "ZeroDivisionError: by nothing"):
                call(14)
            with self.assertRaises(shmbus.TypeMismatch):
                self.bus.caller("add", u64, u32)
        with self.assertRaises(shmbus.NotRegistered) as caught:
            call(1)
        self.assertFalse(caught.exception.may_have_run)
        with self.assertRaises(TimeoutError):
            self.bus.wait_until_available("nobody", timeout=0.01)

    def test_each_thread_calls_for_itself(self):
        with serving(self.bus, ("add", add_one)):
            call = self.bus.caller("add", u32, u32)
            with ThreadPoolExecutor(4) as pool:
                self.assertEqual(list(pool.map(call, range(100, 300))), list(range(101, 301)))

    def test_loans_are_filled_in_place(self):
        server = self.bus.server()
        server.on_bytes("echo", lambda request, command: request)
        call = self.bus.caller("echo")
        loan = call.loan(5000)
        view = loan.view()
        view[:] = b"z" * 5000
        with self.assertRaises(BufferError):
            loan.start()
        view.release()
        pending = loan.start(timeout=5)
        self.assertFalse(pending.ready())
        server.run(0.01)
        self.assertTrue(pending.ready())
        reply = pending.view()
        self.assertTrue(reply.readonly)
        del pending, loan, call  # the view holds the reply's memory
        self.assertEqual(bytes(reply), b"z" * 5000)
        with self.assertRaises(shmbus.WrongThread):
            self._in_thread(self.bus.caller("echo").start(b"", 1).ready)
        server.close()

    def _in_thread(self, function):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(function).result()

    def test_what_ends_on_another_thread_is_given_back_later(self):
        with serving(self.bus, ("echo", mirror)):
            call = self.bus.caller("echo")
            for _ in range(200):  # more than the cells of a lane and its memory
                kept = [call.loan(4000)]
                self._in_thread(kept.clear)
            self.assertTrue(call.loan(4000))

    def test_handlers_in_an_executor_and_several_at_a_time(self):
        def slow(number: u32) -> u32:
            time.sleep(0.05)
            return number * 2

        with ThreadPoolExecutor(8) as pool:
            with serving(self.bus, ("slow", slow), executor=pool):
                call = self.bus.caller("slow", u32, u32)
                began = time.monotonic()
                pending = [call.start(i) for i in range(8)]
                self.assertEqual([one.result() for one in pending], [i * 2 for i in range(8)])
                self.assertLess(time.monotonic() - began, 0.05 * 8)

    def test_commands_know_who_calls(self):
        def about(command: shmbus.Command) -> Str[64]:
            return f"{command.name} {command.caller[0]} {command.remaining < 6} {command.cancelled}"

        with serving(self.bus, ("about", about)):
            reply = self.bus.caller("about", None, Str[64])(timeout=5)
            self.assertEqual(reply, f"about {os.getpid()} True False")

    def test_names_come_and_go(self):
        changes = self.bus.changes("add", timeout=5)
        self.assertFalse(next(changes).available)
        with serving(self.bus, ("add", add_one)):
            self.assertTrue(next(changes).available)
        self.assertFalse(next(changes).available)

    def test_asyncio_on_both_sides(self):
        async def doubled(number: u32) -> u32:
            await asyncio.sleep(0.01)
            return number * 2

        async def both():
            server = self.bus.server()
            server.on("double", doubled)
            task = asyncio.create_task(server.arun())
            await asyncio.sleep(0)
            call = self.bus.caller("double", u32, u32)
            replies = await asyncio.gather(*(call.acall(i, timeout=5) for i in range(20)))
            self.assertEqual(replies, [i * 2 for i in range(20)])
            server.stop()
            await task
            server.close()
            with self.assertRaises(shmbus.NotRegistered):
                await call.acall(1)

        asyncio.run(both())

    def test_a_forked_child_gets_an_error(self):
        call = self.bus.caller("add", u32, u32)
        child = os.fork()
        if child == 0:
            try:
                call(1)
            except shmbus.Forked:
                os._exit(7)
            os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)


class Processes(unittest.TestCase):
    HANDLER = """
import sys, shmbus
from shmbus import u32
bus = shmbus.Bus(sys.argv[1])
@bus.command("add")
def add(number: u32) -> u32:
    return number + 1
bus.serve()
"""

    CALLER = """
import sys, shmbus
from shmbus import u32
bus = shmbus.Bus(sys.argv[1])
call = bus.caller("add", u32, u32, wait=True)
print("waiting", flush=True)
try:
    call(1, timeout=60)
except KeyboardInterrupt:
    print("interrupted")
"""

    def start(self, program, path):
        return subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True)

    def test_a_handler_in_another_process_dies(self):
        with Place() as path:
            handler = self.start(self.HANDLER, path)
            bus = shmbus.Bus(path)
            bus.wait_until_available("add", 20)
            call = bus.caller("add", u32, u32)
            self.assertEqual(call(1, timeout=20), 2)
            handler.send_signal(signal.SIGINT)  # ends run()
            handler.wait(20)
            handler.stdout.close()
            with self.assertRaises(shmbus.Error) as caught:
                call(1)
            self.assertIn(caught.exception.kind, ("not_registered", "handler_died_before_start"))
            self.assertFalse(caught.exception.may_have_run)
            bus.close()

    def test_ctrl_c_ends_a_wait(self):
        with Place() as path:
            bus = shmbus.Bus(path)
            server = bus.server()  # has the name, and does not run
            server.on_bytes("add", lambda request, command: request, schema="u32->u32")
            caller = self.start(self.CALLER, path)
            self.assertEqual(caller.stdout.readline(), "waiting\n")
            time.sleep(0.2)
            caller.send_signal(signal.SIGINT)
            self.assertEqual(caller.communicate(timeout=20)[0], "interrupted\n")
            server.close()
            bus.close()


if __name__ == "__main__":
    unittest.main()
