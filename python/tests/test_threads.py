"""Threads, signals, processes, asyncio in several threads: what a program may do to the package."""
import asyncio
import gc
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import unittest
import weakref
from concurrent.futures import ThreadPoolExecutor

import shmbus
from shmbus import u32
from test_shmbus import Place, add_one, serving


def in_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def spawned(path, results):
    """A process of multiprocessing's `spawn`."""
    with shmbus.Bus(path) as bus:
        results.put(bus.caller("add", u32, u32)(1, timeout=20))


class OnABus(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.bus = shmbus.Bus(self.place.__enter__(), label="python test")

    def tearDown(self):
        self.bus.close()
        self.place.__exit__()


class Threads(OnABus):
    def test_a_bus_that_is_closed_while_a_thread_waits_on_it(self):
        thread = threading.Thread(target=lambda: self.assertRaises(
            (ValueError, shmbus.Error), self.bus.wait_until_available, "nobody", 30))
        thread.start()
        time.sleep(0.1)
        self.bus.close()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        with self.assertRaisesRegex(ValueError, "closed"):
            self.bus.schema("nobody")

    def test_a_server_is_used_by_one_thread_at_a_time(self):
        with serving(self.bus, ("add", add_one)) as server:
            with self.assertRaisesRegex(shmbus.WrongThread, "another thread runs this server"):
                server.on("more", add_one)
            with self.assertRaisesRegex(RuntimeError, "stop"):
                server.close()

    def test_a_handler_registers_names_and_gives_its_own_up(self):
        def more(number: u32) -> u32:
            servers[0].on("add", add_one)
            servers[0].off("more")
            return number

        servers = []
        with serving(self.bus, ("more", more)) as server:
            servers.append(server)
            self.assertEqual(self.bus.caller("more", u32, u32)(7, timeout=5), 7)
            self.assertEqual(self.bus.caller("add", u32, u32)(7, timeout=5), 8)
            with self.assertRaises(shmbus.NotRegistered):
                self.bus.caller("more", u32, u32)(7)

    def test_waits_let_other_threads_run(self):
        counted = 0
        done = threading.Event()

        def count():
            nonlocal counted
            while not done.is_set():
                counted += 1
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        thread.start()
        with self.assertRaises(shmbus.NotRegistered):
            self.bus.caller("nobody", wait=True)(b"", timeout=0.3)
        done.set()
        thread.join()
        self.assertGreater(counted, 20)

    def test_a_wait_in_a_handler_ends_with_its_command(self):
        """A wait for a handler that does not come, without a limit of its own. Each handler says how both
        of its waits ended: of a call, and of a one-way command, which inherits nothing."""
        begun, ended = threading.Event(), queue.Queue()

        def outer(number: u32) -> u32:
            begun.set()
            kinds = []
            for send, limit in ((never, float("inf")), (never.send, 0.001)):
                try:
                    send(b"", timeout=limit)
                except shmbus.Error as error:
                    kinds.append(error.kind)
            ended.put(kinds)
            return number

        never = self.bus.caller("nobody", wait=True)
        call = self.bus.caller("outer", u32, u32)
        with serving(self.bus, ("outer", outer)):
            started, limit = False, 0.1
            while not started:  # on a busy machine its time may be over before it starts
                try:
                    started = call(1, timeout=limit) == 1  # its answer may be just in time
                except shmbus.TimedOut as late:
                    started = late.may_have_run
                limit *= 4
            self.assertEqual(ended.get(timeout=60), ["not_registered", "not_registered"])
            begun.clear()
            pending = call.start(1, timeout=300)
            self.assertTrue(begun.wait(60))
            pending.cancel()
            self.assertEqual(ended.get(timeout=60), ["cancelled", "not_registered"])

    def test_what_a_thread_leaves_is_ended_by_it(self):
        """A caller that one thread drops is ended by the thread that it belongs to."""
        calls = [self.bus.caller("add", u32, u32)]
        go, dropped = threading.Event(), threading.Event()

        def work():
            calls[0].call.__self__._of_thread()
            go.set()
            dropped.wait(10)
            self.bus.caller("add", u32, u32)  # visits the graves
            return True

        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(work)
            go.wait(10)
            calls.clear()
            gc.collect()
            dropped.set()
            self.assertTrue(working.result())

    def test_a_server_and_its_handlers_are_collected(self):
        class Service:
            def __init__(self, bus):
                self.server = bus.server()
                self.server.on("kept", self.handle)

            def handle(self, number: u32) -> u32:
                return number

        service = Service(self.bus)
        gone = weakref.ref(service)
        del service
        gc.collect()
        self.assertIsNone(gone())
        with self.assertRaises(shmbus.NotRegistered):
            self.bus.caller("kept", u32, u32)(1)

    def test_a_lane_that_is_full_is_waited_for(self):
        server = self.bus.server()
        server.on("add", add_one)
        call = self.bus.caller("add", u32, u32)
        pending = []
        with self.assertRaises(shmbus.Overloaded):
            for number in range(1000):
                pending.append(call.start(number, timeout=0.05))
        pending.clear()  # given up; they still fill the lane
        thread = threading.Timer(0.2, lambda: server.run(1))
        thread.start()
        self.assertEqual(call(1, timeout=20), 2)
        thread.join()

    def test_an_executor_that_was_shut_down_is_a_rejection(self):
        pool = ThreadPoolExecutor(1)
        pool.shutdown()
        with serving(self.bus, ("add", add_one), executor=pool):
            with self.assertRaisesRegex(shmbus.Rejected, "RuntimeError"):
                self.bus.caller("add", u32, u32)(1, timeout=5)


class Loops(OnABus):
    def test_asyncio_run_in_several_threads(self):
        def run(first):
            async def several():
                calls = [self.bus.caller(name, u32, u32) for name in ("add", "sum")]
                return await asyncio.gather(*(calls[i % 2].acall(first + i, timeout=20)
                                              for i in range(50)))

            return [asyncio.run(several()) for _ in range(2)]

        with serving(self.bus, ("add", add_one), ("sum", add_one)):
            with ThreadPoolExecutor(4) as pool:
                for first, both in zip(range(100, 500, 100), pool.map(run, range(100, 500, 100))):
                    self.assertEqual(both, [list(range(first + 1, first + 51))] * 2)

    def test_a_task_that_is_cancelled_cancels_its_command(self):
        cancelled = threading.Event()

        def stay(number: u32, command: shmbus.Command) -> u32:
            while not command.cancelled:
                time.sleep(0.001)
            cancelled.set()
            return number

        async def cancel():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(self.bus.caller("stay", u32, u32).acall(1, timeout=30), 0.2)

        with serving(self.bus, ("stay", stay)):
            asyncio.run(cancel())
            self.assertTrue(cancelled.wait(10))

    def test_a_loop_goes_on_while_there_is_no_handler(self):
        async def both():
            ticks = 0

            async def tick():
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0.005)

            ticking = asyncio.create_task(tick())
            call = self.bus.caller("late", u32, u32, wait=True)
            with self.assertRaises(shmbus.NotRegistered) as caught:
                await call.acall(1, timeout=0.1)
            self.assertFalse(caught.exception.may_have_run)
            calling = asyncio.create_task(call.acall(1, timeout=20))
            await asyncio.sleep(0.1)
            server = self.bus.server()
            server.on("late", add_one)
            serving_it = asyncio.create_task(server.arun())
            self.assertEqual(await calling, 2)
            threading.Thread(target=server.stop).start()  # any thread
            await serving_it
            server.close()
            ticking.cancel()
            self.assertGreater(ticks, 10)

        asyncio.run(both())

    def test_names_that_come_and_go(self):
        async def watch():
            seen = []
            server = self.bus.server()
            async for change in self.bus.achanges("add"):
                seen.append(change.available)
                if len(seen) == 1:
                    server.on("add", add_one)
                elif len(seen) == 2:
                    server.close()
                else:
                    return seen

        self.assertEqual(asyncio.run(asyncio.wait_for(watch(), 20)), [False, True, False])

    def test_ctrl_c_in_a_coroutine_of_a_handler_ends_the_server(self):
        async def leave(number: u32) -> u32:
            raise KeyboardInterrupt

        async def serve():
            server = self.bus.server()
            server.on("leave", leave)
            pending = self.bus.caller("leave", u32, u32).start(1, timeout=5)
            try:
                await server.arun()
            finally:
                server.close()
                del pending

        with self.assertRaises(KeyboardInterrupt):
            asyncio.run(serve())


class Processes(OnABus):
    def test_spawn(self):
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        with serving(self.bus, ("add", add_one)):
            child = context.Process(target=spawned, args=(self.bus.path, results))
            child.start()
            self.assertEqual(results.get(timeout=30), 2)
            child.join(20)
        self.assertEqual(child.exitcode, 0)

    def test_a_forked_child_is_told_what_to_do_and_opens_the_bus_anew(self):
        call = self.bus.caller("add", u32, u32)
        server = self.bus.server()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                texts = []
                for use in (lambda: call(1), lambda: self.bus.caller("x"),
                            lambda: server.on("y", add_one), lambda: self.bus.wait_until_available("z", 1)):
                    try:
                        use()
                    except shmbus.Forked as error:
                        texts.append(str(error))
                with shmbus.Bus(self.bus.path) as again:
                    code = 7 if len(texts) == 4 and again.caller("x") else 2
            finally:
                os._exit(code)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)
        server.close()

    def test_ctrl_c_ends_each_wait_that_has_no_handler(self):
        program = """
import sys, threading, _thread, shmbus
bus = shmbus.Bus(sys.argv[1])
call = bus.caller("nobody", wait=True)
waits = [lambda: call(b"", timeout=60), lambda: bus.wait_until_available("nobody", 60),
         lambda: next(bus.changes("nobody", 60)) and list(bus.changes("nobody", 60)),
         lambda: bus.server().run(60)]
for wait in waits:
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
