"""Publishes a price each 10 ms until it is stopped: price_publisher.py [BUS]"""
import sys
import time

import shmbus
from price import Price, Tick

bus = shmbus.Bus(sys.argv[1] if len(sys.argv) > 1 else "feed")
out = bus.publisher(Price, keep=16)  # for subscribers that come late
number = 0
while True:
    number += 1
    out.publish(Tick(number, 10_000 + number % 100))
    time.sleep(0.01)
