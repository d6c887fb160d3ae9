"""Events, with both sides in Python, and with a C++ side where PEER names it: test_events.py [PEER]"""
import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from typing import Optional

import shmbus
from shmbus import Event, From, Str, WhenSlow, u32, u64
from test_shmbus import Place

PEER = sys.argv.pop() if len(sys.argv) > 1 and os.path.isabs(sys.argv[-1]) else ""


@dataclasses.dataclass
class Line:
    number: u64
    text: Str[40]
    mark: Optional[u32] = None


def line_of(number):
    return Line(number, f"line {number}", number * 10 if number % 2 == 0 else None)


Ticks = Event("ticks", Line)


class OnABus(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.bus = shmbus.Bus(self.place.__enter__(), label="python test")

    def tearDown(self):
        self.bus.close()
        self.place.__exit__()

    @contextlib.contextmanager
    def peer(self, *arguments):
        if not PEER:
            self.skipTest("the C++ peer was not built")
        process = subprocess.Popen([PEER, self.bus.path, *map(str, arguments)],
                                   stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class Events(OnABus):
    def test_values_in_order_with_their_numbers(self):
        with self.bus.subscribe(Ticks) as ticks, self.bus.publisher(Ticks) as out:
            self.assertEqual([out.publish(line_of(i)) for i in range(1, 4)], [1, 2, 3])
            for i in range(1, 4):
                self.assertEqual((next(ticks), ticks.sequence), (line_of(i), i))
            self.assertFalse(ticks.ready())
            self.assertEqual(ticks.missed, 0)
            with self.assertRaises(shmbus.TimedOut):
                ticks.next(timeout=0.01)

    def test_a_subscriber_that_comes_late_begins_where_it_asks(self):
        with self.bus.publisher(Ticks, keep=3) as out:
            for i in range(1, 101):
                out.publish(line_of(i))

        def read(start):
            return [tick.number for tick in self.bus.subscribe(Ticks, start=start, timeout=0)]

        self.assertEqual(read(From.now), [])
        self.assertEqual(read(From.latest), [100])
        kept = read(From.oldest)
        self.assertGreaterEqual(len(kept), 3)
        self.assertEqual(kept, list(range(101 - len(kept), 101)))

    def test_one_that_skips_counts_what_it_missed(self):
        ticks, out = self.bus.subscribe(Ticks, timeout=0), self.bus.publisher(Ticks)
        for i in range(1, 5001):
            out.publish(line_of(i))
        read = [tick.number for tick in ticks]
        self.assertEqual(read, list(range(5001 - len(read), 5001)))
        self.assertGreater(ticks.missed, 0)
        self.assertEqual(len(read) + ticks.missed, 5000)

    def test_a_publisher_waits_for_one_that_holds(self):
        ticks = self.bus.subscribe(Ticks, when_slow=WhenSlow.hold)
        out = self.bus.publisher(Ticks)
        published = 0
        with self.assertRaisesRegex(shmbus.Overloaded, "python test"):
            while True:
                out.publish(line_of(published + 1), timeout=0.12)
                published += 1
        self.assertGreater(published, 0)

        def read():
            time.sleep(0.1)
            self.read = [next(ticks).number for _ in range(published + 1)]

        thread = threading.Thread(target=read)
        thread.start()
        self.assertEqual(out.publish(line_of(published + 1), timeout=20), published + 1)
        thread.join()
        self.assertEqual(self.read, list(range(1, published + 2)))
        self.assertEqual(ticks.missed, 0)

    def test_bytes_where_they_lie(self):
        frames = Event("frames")
        subscriber = self.bus.subscribe(frames, when_slow=WhenSlow.hold)
        out = self.bus.publisher(frames, event_bytes=100_000)
        out.publish(b"x" * 100_000)
        out.publish(b"y")
        view = subscriber.view()
        self.assertTrue(view.readonly)
        self.assertEqual((len(view), view[0], subscriber.sequence), (100_000, ord("x"), 1))
        for use in (next, lambda one: one.view(), shmbus.Subscriber.close):
            with self.assertRaises(BufferError):
                use(subscriber)
        part = view[:10]
        view.release()
        with self.assertRaises(BufferError):
            next(subscriber)
        part.release()
        self.assertEqual(next(subscriber), b"y")
        with self.assertRaises(shmbus.TooLarge):
            out.publish(b"z" * 200_000)

    def test_types_and_names_are_checked(self):
        out = self.bus.publisher(Ticks)
        with self.assertRaises(shmbus.TypeMismatch):
            self.bus.subscribe(Event("ticks", u32))
        with self.assertRaises(shmbus.InvalidArgument):
            out.publish(Line(1, "x" * 41))
        with self.assertRaises(shmbus.AlreadyRegistered):
            self.bus.server().on_bytes("ticks", lambda request, command: None)
        out.close()
        out.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            out.publish(line_of(1))

    def test_what_is_no_value_raises_and_the_next_one_follows(self):
        names, raw = self.bus.subscribe(Event("any", u32)), self.bus.publisher(Event("any"))
        raw.publish(b"\1")
        raw.publish(b"\7\0\0\0")
        with self.assertRaises(shmbus.TypeMismatch):
            next(names)
        self.assertEqual(next(names), 7)

    def test_one_thread_at_a_time(self):
        ticks = self.bus.subscribe(Ticks)
        thread = threading.Thread(target=lambda: next(ticks))
        thread.start()
        refused = 0
        while not refused:
            try:
                ticks.ready()
            except shmbus.WrongThread as error:
                self.assertIn("for each thread", str(error))
                refused = 1
        self.bus.publisher(Ticks).publish(line_of(1))
        thread.join()

    def test_a_forked_child_gets_an_error(self):
        ticks, out = self.bus.subscribe(Ticks), self.bus.publisher(Ticks)
        child = os.fork()
        if child == 0:
            refused = 0
            for use in (lambda: next(ticks), lambda: out.publish(line_of(1)),
                        lambda: self.bus.subscribe(Ticks), lambda: self.bus.publisher(Ticks)):
                try:
                    use()
                except shmbus.Forked:
                    refused += 1
            os._exit(refused)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 4)
        out.publish(line_of(1))
        self.assertEqual(next(ticks), line_of(1))


class Loops(OnABus):
    def test_async_for(self):
        async def read(ticks, count):
            found = []
            async for tick in ticks:
                found.append(tick.number)
                if len(found) == count:
                    return found

        async def both():
            with self.bus.subscribe(Ticks, when_slow=WhenSlow.hold) as one, \
                    self.bus.subscribe(Ticks, when_slow=WhenSlow.hold) as two, \
                    self.bus.publisher(Ticks) as out:
                tasks = [asyncio.create_task(read(ticks, 500)) for ticks in (one, two)]
                for i in range(1, 501):
                    await out.apublish(line_of(i), timeout=20)
                self.assertEqual(await asyncio.gather(*tasks), [list(range(1, 501))] * 2)
                with self.assertRaises(shmbus.TimedOut):
                    await one.anext(timeout=0.03)
                with self.assertRaises(shmbus.Overloaded):
                    while True:
                        await out.apublish(line_of(1), timeout=0.02)

        asyncio.run(asyncio.wait_for(both(), 60))

    def test_a_task_that_is_cancelled_loses_no_event(self):
        async def both():
            ticks, out = self.bus.subscribe(Ticks), self.bus.publisher(Ticks)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(ticks.__anext__(), 0.05)
            out.publish(line_of(1))
            self.assertEqual(await ticks.anext(20), line_of(1))
            self.assertEqual([tick async for tick in self.bus.subscribe(Ticks, timeout=0.03)], [])

        asyncio.run(asyncio.wait_for(both(), 60))


class Processes(OnABus):
    def test_a_publisher_in_c_plus_plus(self):
        with self.bus.subscribe(Ticks, when_slow=WhenSlow.hold, timeout=20) as ticks:
            with self.peer("publish", 2000) as peer:
                for i in range(1, 2001):
                    self.assertEqual(next(ticks), line_of(i))
                self.assertEqual(peer.wait(20), 0)
        late = self.bus.subscribe(Ticks, start=From.latest)
        self.assertEqual(late.next(0), line_of(2000))

    def test_a_subscriber_in_c_plus_plus(self):
        out = self.bus.publisher(Ticks)
        with self.peer("subscribe", 2000) as peer:
            self.assertEqual(peer.stdout.readline(), "there\n")
            for i in range(1, 2001):
                out.publish(line_of(i), timeout=20)
            self.assertEqual(peer.stdout.readline(), f"{2000 * 2001 // 2}\n")
            self.assertEqual(peer.wait(20), 0)

    def test_a_subscriber_that_is_killed_holds_up_nobody(self):
        out = self.bus.publisher(Ticks)
        with self.peer("subscribe", 2000) as peer:
            self.assertEqual(peer.stdout.readline(), "there\n")
            peer.send_signal(signal.SIGSTOP)
            with self.assertRaisesRegex(shmbus.Overloaded, "C\\+\\+ peer"):
                for i in range(1, 2001):
                    out.publish(line_of(i), timeout=0.06)
            peer.kill()
            peer.wait()
            for i in range(100):
                out.publish(line_of(i), timeout=20)

    def test_ctrl_c_ends_each_wait(self):
        program = """
import sys, shmbus
bus = shmbus.Bus(sys.argv[1])
frames = shmbus.Event("frames")
idle, held = bus.subscribe(shmbus.Event("idle")), bus.subscribe(frames, when_slow=shmbus.WhenSlow.hold)
out = bus.publisher(frames)
def fill():
    while True:
        out.publish(b"x", timeout=60)
for wait in (lambda: next(idle), lambda: idle.next(60), lambda: idle.view(60), fill):
    print("waiting", flush=True)
    try:
        wait()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
        child = subprocess.Popen([sys.executable, "-c", program, self.bus.path],
                                 stdout=subprocess.PIPE, text=True)
        for _ in range(4):
            self.assertEqual(child.stdout.readline(), "waiting\n")
            time.sleep(0.2)
            child.send_signal(signal.SIGINT)
            self.assertEqual(child.stdout.readline(), "interrupted\n")
        child.communicate(timeout=20)
        self.assertEqual(child.returncode, 0)


if __name__ == "__main__":
    unittest.main()
