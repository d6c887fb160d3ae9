"""Reads ten prices: price_reader.py [BUS]"""
import sys

import shmbus
from price import Price

bus = shmbus.Bus(sys.argv[1] if len(sys.argv) > 1 else "feed")
seen = []
prices = bus.subscribe(Price, start=shmbus.From.latest, timeout=10)
for tick in prices:
    seen.append(tick.number)
    if len(seen) == 10:
        break
print(f"{len(seen)} prices in order, {prices.missed} missed" if seen == sorted(seen) else seen)
