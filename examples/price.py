"""The event of price_publisher.py, price_reader.py and price_watch.py."""
from dataclasses import dataclass

import shmbus
from shmbus import i64, u64


@dataclass
class Tick:
    number: u64
    price: i64


Price = shmbus.Event("price.changed", Tick)
