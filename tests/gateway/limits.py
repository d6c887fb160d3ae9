#!/usr/bin/env python3
"""Limits of size, count and time; slow and idle clients; the end of the gateway."""
import json
import signal
import socket
import time

from gateway_case import GatewayCase, eventually, main

BODY = b'{"a": 1, "b": 2}'
WHOLE = (b"POST /call/math.add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n" + BODY)
SLOW = (b'POST /call/slow.sleep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n{"ms": 5000}')


class Sizes(GatewayCase):
    config = """principals:
  any: {anonymous: true, call: '*', events: '*', concurrent: 1000}
limits: {head: 2K, fields: 10, body: 1000, calls: 3, streams: 2, connections: 20}
"""

    def test_head(self):
        for extra in (b"X: " + b"y" * 2000 + b"\r\n", b"X: y\r\n" * 11):
            client = self.raw().send(WHOLE.replace(b"Host: localhost\r\n", b"Host: localhost\r\n" + extra))
            self.assertEqual(client.answer()[0], 431)
            self.assertTrue(client.closed())
        client = self.raw().send(b"POST /call/" + b"x" * 3000)  # no end yet
        self.assertEqual(client.answer()[0], 431)

    def test_body(self):
        big = b'{"id": 1, "body": "' + b"x" * 2000 + b'"}'
        client = self.raw().send(b"POST /call/text.count HTTP/1.1\r\nHost: localhost\r\n"
                                 b"Content-Length: %d\r\n\r\n" % len(big) + big)
        self.assertEqual(client.answer()[0], 413)
        self.assertTrue(client.closed())
        client = self.raw().send(b"POST /call/text.count HTTP/1.1\r\nHost: localhost\r\n"
                                 b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            client.send(b"64\r\n" + b"x" * 100 + b"\r\n")
        self.assertEqual(client.answer()[0], 413)
        client = self.raw().send(b"POST /call/text.count HTTP/1.1\r\nHost: localhost\r\n"
                                 b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(client.answer()[0], 413)

    def test_depth_of_json(self):
        deep = "[" * 400 + "]" * 400
        self.assertEqual(self.ask("POST", "/call/math.add", deep)[0], 400)

    def test_calls_under_way(self):
        slow = [self.raw().send(SLOW) for _ in range(3)]
        self.assertTrue(eventually(
            lambda: self.call("math.add", {"a": 1, "b": 2}, Request_Timeout="1")[0] == 429))
        for one in slow:
            one.close()
        self.assertTrue(eventually(lambda: self.call("math.add", {"a": 1, "b": 2}) == (200, 3)))

    def test_streams(self):
        ask = b"GET /events/price.changed HTTP/1.1\r\nHost: localhost\r\n\r\n"
        open_ones = [self.raw().send(ask) for _ in range(2)]
        for one in open_ones:
            one.until(b"id: ")
        self.assertEqual(self.raw().send(ask).answer()[0], 429)

    def test_connections(self):
        """The idlest connection makes room for a newcomer; those at work stay."""
        busy = self.raw().send(b"GET /events/price.changed HTTP/1.1\r\nHost: localhost\r\n\r\n")
        busy.until(b"id: ")
        idle = [self.raw() for _ in range(60)]
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2}), (200, 3))
        self.assertTrue(idle[0].closed())
        self.assertEqual(self.call("price.publish", {"ms": 1})[0], 200)
        busy.until(b'"number":1')


class Times(GatewayCase):
    config = """principals:
  any: {anonymous: true, call: '*', events: '*'}
limits: {head_time: 600ms, body_time: 1500ms, gap_time: 600ms, idle_time: 800ms, write_time: 1s,
         call_time: 700ms, call_time_max: 900ms, stream_buffer: 64K}
"""

    def test_a_slow_head(self):
        client = self.raw().send(WHOLE[:20])
        self.assertEqual(client.answer()[0], 408)
        client = self.raw()
        for one in WHOLE[:-20]:  # byte by byte does not help
            client.send(bytes([one]))
            time.sleep(0.02)
        self.assertEqual(client.answer()[0], 408)

    def test_a_slow_body(self):
        client = self.raw().send(WHOLE[:-5])
        self.assertEqual(client.answer()[0], 408)
        client = self.raw().send(b"POST /call/text.count HTTP/1.1\r\nHost: localhost\r\n"
                                 b"Content-Length: 1000\r\n\r\n")
        began = time.monotonic()
        client.socket.settimeout(0.1)
        while time.monotonic() - began < 10 and not client.rest:
            client.send(b"x")
            try:
                client.more()
            except TimeoutError:
                pass
        client.socket.settimeout(20)
        self.assertEqual(client.answer()[0], 408)

    def test_an_idle_connection(self):
        client = self.raw()
        self.assertEqual(client.send(WHOLE).answer()[0], 200)
        self.assertTrue(client.closed())
        self.assertTrue(self.raw().closed())

    def test_a_client_that_does_not_read(self):
        client = self.raw()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.settimeout(0.2)
        try:
            for _ in range(2000):  # answers that nobody takes
                client.socket.sendall(WHOLE * 50)
        except (TimeoutError, ConnectionError):
            pass
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2}), (200, 3))
        self.assertTrue(eventually(lambda: self.connections() <= 1))

    def connections(self):
        import os
        pid = self.gateway.process.pid
        links = (os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd"))
        return sum(1 for one in links if one.startswith("socket:")) - 1

    def test_the_limits_of_calls(self):
        for fields in {}, {"Request_Timeout": "100"}:
            began = time.monotonic()
            status, problem = self.call("slow.sleep", {"ms": 20000}, **fields)
            self.assertEqual((status, problem["kind"]), (504, "timed_out"))
            self.assertLess(time.monotonic() - began, 8)


class Many(GatewayCase):
    config = """principals:
  any: {anonymous: true, call: '*'}
limits: {connections: 2000}
"""

    def test_many_idle_connections(self):
        before = self.memory_kib()
        idle = [self.raw() for _ in range(800)]
        for one in idle:
            self.assertEqual(one.send(WHOLE).answer()[0], 200)
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2}), (200, 3))
        self.assertLess((self.memory_kib() - before) / 800, 8)  # KiB for each

    def memory_kib(self):
        with open(f"/proc/{self.gateway.process.pid}/status") as status:
            return next(int(x.split()[1]) for x in status if x.startswith("VmRSS"))


class Ending(GatewayCase):
    config = """principals:
  any: {anonymous: true, call: '*', events: '*'}
limits: {drain_time: 2s, call_time: 20s}
"""

    def test_what_is_under_way_ends_first(self):
        idle = self.raw()
        self.assertEqual(idle.send(WHOLE).answer()[0], 200)
        stream = self.raw().send(b"GET /events/price.changed HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stream.until(b"id: ")
        slow = self.raw().send(SLOW.replace(b"5000", b" 700"))
        self.assertTrue(eventually(lambda: self.call("slow.started") == (200, 1)))
        self.gateway.process.send_signal(signal.SIGTERM)
        status, head, body = slow.answer()
        self.assertEqual((status, body), (200, b"700\n"))
        self.assertIn("Connection: close", head)
        self.assertTrue(idle.closed())
        self.assertTrue(stream.all().endswith(b"0\r\n\r\n"))
        self.assertEqual(self.gateway.process.wait(20), 0)

    def test_not_for_ever(self):
        slow = self.raw().send(SLOW.replace(b"5000", b"9999"))
        self.assertTrue(eventually(lambda: self.call("slow.started") == (200, 1)))
        began = time.monotonic()
        self.gateway.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.gateway.process.wait(20), 0)
        self.assertLess(time.monotonic() - began, 8)
        self.assertEqual(slow.all(), b"")

    def test_killed_it_leaves_nothing_behind(self):
        slow = self.raw().send(SLOW)
        self.assertTrue(eventually(lambda: self.call("slow.started") == (200, 1)))
        self.gateway.end()
        slow.close()
        self.gateway = self.start_gateway()
        self.assertTrue(eventually(lambda: self.call("slow.cancelled") == (200, 1)))
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2}), (200, 3))


if __name__ == "__main__":
    main()
