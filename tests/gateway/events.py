#!/usr/bin/env python3
"""Events of the bus as text/event-stream: ids, going on behind the last one, what was missed."""
import json
import socket
import subprocess

from gateway_case import BIN, GatewayCase, main


class Stream:
    """A reader of one stream, by chunks."""

    def __init__(self, case, name="price.changed", last=None, receive=None):
        self.raw = case.raw()
        if receive:
            self.raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        more = f"Last-Event-ID: {last}\r\n" if last else ""
        self.raw.send(f"GET /events/{name} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
        self.head = self.raw.until(b"\r\n\r\n").decode()
        self.text = ""

    def next(self):
        """One event as a dict of its fields."""
        while "\n\n" not in self.text:
            size = int(self.raw.until(b"\r\n"), 16)
            if size == 0:
                raise EOFError
            while len(self.raw.rest) < size + 2:
                if not self.raw.more():
                    raise EOFError
            self.text += self.raw.rest[:size].decode()
            self.raw.rest = self.raw.rest[size + 2:]
        one, self.text = self.text.split("\n\n", 1)
        return dict(line.split(": ", 1) for line in one.split("\n"))

    def number(self):
        return json.loads(self.next()["data"])["number"]


class Events(GatewayCase):
    config = """principals:
  any: {anonymous: true, call: '*', events: '*'}
limits: {stream_buffer: 32K}
"""

    def publish(self, count):
        self.assertEqual(self.call("price.publish", {"ms": count})[0], 200)

    def test_events_as_they_come(self):
        stream = Stream(self)
        self.assertIn("text/event-stream", stream.head)
        self.assertIn("id", stream.next())  # where it begins
        self.publish(3)
        first = stream.next()
        self.assertEqual(json.loads(first["data"]), {"number": 1, "text": 'a"b\n<c>'})
        self.assertEqual([stream.number() for _ in range(2)], [2, 3])

    def test_going_on_behind_the_last(self):
        stream = Stream(self)
        stream.next()
        self.publish(5)
        ids = [stream.next()["id"] for _ in range(5)]
        stream.raw.close()
        self.assertEqual(len(set(ids)), 5)
        again = Stream(self, last=ids[1])
        self.assertEqual([again.number() for _ in range(3)], [3, 4, 5])
        # Another gateway knows them too: the topic keeps 16.
        self.gateway.end()
        self.gateway = self.start_gateway()
        again = Stream(self, last=ids[3])
        self.assertEqual(again.number(), 5)
        self.publish(1)
        self.assertEqual(again.number(), 6)

    def test_what_is_not_kept_is_counted(self):
        stream = Stream(self)
        start = stream.next()["id"]
        self.publish(2)
        last = [stream.next() for _ in range(2)][-1]["id"]
        stream.raw.close()
        self.gateway.end()
        self.publish_without_gateway(3000)
        self.gateway = self.start_gateway()
        again = Stream(self, last=last)
        missed = again.next()
        self.assertEqual(missed["event"], "missed")
        self.assertEqual(json.loads(missed["data"])["missed"] + 3, again.number())
        self.assertNotEqual(start, last)

    def publish_without_gateway(self, count):
        subprocess.run([str(BIN / "shmbus"), "--bus", self.bus, "call", "price.publish",
                        json.dumps({"ms": count})], check=True, stdout=subprocess.DEVNULL)

    def test_a_slow_reader_misses_some_and_holds_up_nobody(self):
        slow, fast = Stream(self, receive=4096), Stream(self)
        slow.next()
        fast.next()
        total = 40 * 500
        for _ in range(40):
            self.publish(500)
            self.read(fast, 500)
        seen, missed = self.read(slow, total)
        self.assertGreater(missed, 0)
        self.assertEqual(seen + missed, total)

    def read(self, stream, total):
        """Until so many events were seen, in order, or counted as missed."""
        seen = missed = last = 0
        while seen + missed < total:
            one = stream.next()
            data = json.loads(one["data"])
            if one.get("event") == "missed":
                missed += data["missed"]
            else:
                self.assertGreater(data["number"], last)
                last = data["number"]
                seen += 1
        return seen, missed

    def test_no_such_topic(self):
        self.assertEqual(self.ask("GET", "/events/nobody.publishes")[0], 404)
        self.assertEqual(self.ask("GET", "/events/math.add")[0], 409)
        status, fields, body = self.ask("HEAD", "/events/price.changed")
        self.assertEqual((status, fields["content-type"], body), (200, "text/event-stream", b""))
        client = self.raw().send(b"GET /events/price.changed HTTP/1.0\r\n\r\n")
        self.assertNotIn(b"chunked", client.until(b"\r\n\r\n"))

    def test_many_readers_of_one_topic(self):
        streams = [Stream(self) for _ in range(30)]  # a bus has room for 16 subscribers
        for stream in streams:
            stream.next()
        self.publish(1)
        self.assertEqual([stream.number() for stream in streams], [1] * 30)


if __name__ == "__main__":
    main()
