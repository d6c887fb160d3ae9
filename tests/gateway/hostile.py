#!/usr/bin/env python3
"""Bytes that are no requests, and requests with bytes changed: the gateway answers or closes, goes
on, and gives nobody else's connection up. The seed is printed; SEED repeats a run."""
import os
import random
import select
import time

from gateway_case import GatewayCase, eventually, main

WHOLE = (b'POST /call/math.add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n{"a": 1, "b": 2}')
SEEDS = (WHOLE,
         b'POST /call/user.create HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'
         b'23\r\n{"email": "a@b.c", "plan": "paid"}\r\n0\r\nX: y\r\n\r\n',
         b'GET /events/price.changed HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1:2,3:4\r\n\r\n',
         b'POST / HTTP/1.1\r\nHost: localhost\r\nX-Command: text.count\r\nRequest-Timeout: 100ms\r\n'
         b'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n'
         b'Content-Length: 25\r\n\r\n{"id": 1, "body": "\\u00e9"}',
         b'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n',
         b'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, x\r\n\r\n')
PIECES = (b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"Content-Length: 5\r\n", b"%00", b"%", b"/",
          b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"\xff" * 3, b"[" * 70, b"9" * 30)


def changed(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(5)
        if what == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif what == 1:
            data[at:at] = rng.choice(PIECES)
        elif what == 2:
            del data[at:at + rng.randint(1, 10)]
        elif what == 3:
            data += rng.choice(SEEDS)
        elif at < len(data):
            data[at:at] = data[at:at + rng.randint(1, 30)]
        if not data:
            data = bytearray(b"x")
    return bytes(data)


class Hostile(GatewayCase):
    config = """principals:
  any: {anonymous: true, call: '*', send: '*', events: '*', concurrent: 1000}
limits: {head_time: 300ms, gap_time: 300ms, body_time: 1s, idle_time: 20s, streams: 20}
"""

    def test_changed_requests(self):
        seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
        print(f"SEED={seed}", flush=True)
        rng = random.Random(seed)
        until = time.monotonic() + 20
        steady = self.raw()
        while time.monotonic() < until:
            clients = [self.raw() for _ in range(20)]
            for client in clients:
                data = changed(rng, rng.choice(SEEDS))
                cut = rng.randrange(len(data) + 1)
                client.send(data[:cut])
                client.send(data[cut:])
            select.select([c.socket for c in clients], [], [], 0.5)
            for client in clients:
                client.close()
            self.assertEqual(steady.send(WHOLE).answer()[0::2], (200, b"3\n"))
        self.assertIsNone(self.gateway.process.poll())
        self.assertNotIn("given up", self.gateway.text())
        self.assertTrue(eventually(lambda: self.descriptors() < 40))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.gateway.process.pid}/fd"))


if __name__ == "__main__":
    main()
