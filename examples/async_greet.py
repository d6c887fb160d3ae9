"""A handler and a caller in one asyncio program; they may as well be in two."""
import asyncio
import sys

import shmbus
from shmbus import Str

bus = shmbus.Bus(sys.argv[1] if len(sys.argv) > 1 else "hello")


@bus.command("greet.async")
async def greet(name: Str[32]) -> Str[64]:
    await asyncio.sleep(0.01)  # other commands are handled meanwhile
    return f"hello, {name}"


async def main() -> None:
    serving = asyncio.create_task(bus.aserve())
    call = bus.caller("greet.async", Str[32], Str[64], wait=True)
    print(" and ".join(await asyncio.gather(call.acall("Ada"), call.acall("Bob"))))
    bus.stop()
    await serving


asyncio.run(main())
