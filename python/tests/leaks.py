"""Calls of every kind, errors and handlers; nothing may be left of them: leaks.py [CALLS]

Compares the interpreter's memory blocks, the objects that the collector knows, and the references to
what all calls touch, before and after CALLS calls (50000; the long form is 1000000). A leak of one
reference or block in each call, or in each of the rarer operations, would be thousands.
"""
import asyncio
import gc
import sys
import tempfile
import threading
from collections.abc import Iterator

import shmbus
from shmbus import u32

NUMBERS = shmbus.Event("numbers", u32)
ALLOWED = 500  # what asyncio and the interpreter keep in free lists of their own


def handler(number: u32) -> u32:
    if number % 100 == 13:
        raise shmbus.Reject(number, "unlucky")
    return number + 1


def count(number: u32) -> Iterator[u32]:
    yield from range(number)


def some_calls(bus, loop, call, raw, times):
    for i in range(times):
        try:
            call(i)
        except shmbus.Rejected:
            pass
        if i % 10 == 0:
            loan = raw.loan(2000)
            view = loan.view()
            view[:4] = b"abcd"
            view.release()
            pending = loan.start()
            pending.view().release()
            raw.send(b"note")
            del loan, pending, view
        if i % 50 == 0:
            bus.caller("add", u32, u32)
            try:
                bus.caller("nobody")(b"")
            except shmbus.NotRegistered:
                pass
            loop.run_until_complete(calls_in(bus))
            with bus.open("count", u32, shmbus.Stream[u32], 5) as counted:
                assert list(counted) == [0, 1, 2, 3, 4]
            with bus.open("count", u32, shmbus.Stream[u32], 10**6) as counted:
                next(counted)
            with bus.subscribe(NUMBERS) as numbers, bus.publisher(NUMBERS) as out:
                out.publish(i)
                assert next(numbers) == i


async def calls_in(bus):
    call = bus.caller("add", u32, u32)
    await asyncio.gather(*(call.acall(i) for i in range(1, 4)))


def measure(touched):
    for _ in range(3):
        gc.collect()
    return [sys.getallocatedblocks(), len(gc.get_objects())] + [sys.getrefcount(one) for one in touched]


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 50000
    with tempfile.TemporaryDirectory() as folder:
        bus = shmbus.Bus(folder + "/bus")
        ready, stop = threading.Event(), []

        def serve():
            server = bus.server()
            server.on("add", handler)
            server.on("count", count)
            server.on_bytes("echo", lambda request, command: request)
            stop.append(server.stop)
            ready.set()
            server.run()
            server.close()

        thread = threading.Thread(target=serve)
        thread.start()
        ready.wait()
        loop = asyncio.new_event_loop()  # one: asyncio.run() leaves something in each of CPython's caches
        call, raw = bus.caller("add", u32, u32), bus.caller("echo")
        touched = [None, True, shmbus.Error, shmbus.Rejected, handler, bus, bus._native, shmbus._native,
                   shmbus.type_of(u32), call, raw]
        some_calls(bus, loop, call, raw, min(calls, 50000))  # fills CPython's free lists
        before = measure(touched)
        some_calls(bus, loop, call, raw, calls)
        after = measure(touched)
        loop.close()
        stop[0]()
        thread.join()
        bus.close()
    growth = [b - a for a, b in zip(before, after)]
    print(f"{calls} calls: {growth[0]} blocks, {growth[1]} objects, references {growth[2:]}")
    return 1 if max(growth) > ALLOWED else 0


sys.exit(main())
