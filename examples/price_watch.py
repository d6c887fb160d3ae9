"""In asyncio, the first price above 10,010: price_watch.py [BUS]"""
import asyncio
import sys

import shmbus
from price import Price

bus = shmbus.Bus(sys.argv[1] if len(sys.argv) > 1 else "feed")


async def main() -> None:
    async for tick in bus.subscribe(Price):
        if tick.price > 10_010:
            print("sold")
            break


asyncio.run(asyncio.wait_for(main(), 15))
