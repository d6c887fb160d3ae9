#!/usr/bin/env python3
"""HTTP as it is sent: keep-alive, pipelining, chunks, 100-continue, and what is refused because two
readers could understand it differently."""
import json

from gateway_case import GatewayCase, main

BODY = b'{"a": 1, "b": 2}'
POST = b"POST /call/math.add HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = POST + b"Content-Length: 16\r\n\r\n" + BODY
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Good(GatewayCase):
    def test_keep_alive_and_pipelining(self):
        client = self.raw()
        for _ in range(3):
            self.assertEqual(client.send(WHOLE).answer()[0::2], (200, b"3\n"))
        client.send(WHOLE * 50)
        for _ in range(50):
            self.assertEqual(client.answer()[0::2], (200, b"3\n"))
        client.send(WHOLE.replace(b"Host: localhost", b"Host: localhost\r\nConnection: close"))
        self.assertIn("Connection: close", client.answer()[1])
        self.assertTrue(client.closed())

    def test_http_1_0(self):
        client = self.raw()
        client.send(b"POST /call/math.add HTTP/1.0\r\nContent-Length: 16\r\n\r\n" + BODY)
        self.assertEqual(client.answer()[0], 200)
        self.assertTrue(client.closed())

    def test_answers_keep_the_order_of_requests(self):
        client = self.raw()
        slow = b'POST /call/slow.sleep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n{"ms": 100}'
        client.send(slow + WHOLE + slow)
        self.assertEqual([client.answer()[2] for _ in range(3)], [b"100\n", b"3\n", b"100\n"])

    def test_bytes_one_by_one(self):
        client = self.raw()
        for one in WHOLE:
            client.send(bytes([one]))
        self.assertEqual(client.answer()[0], 200)

    def test_chunks(self):
        client = self.raw()
        for body in (b"10\r\n" + BODY + b"\r\n0\r\n\r\n",
                     b"3\r\n" + BODY[:3] + b"\r\nd;x=y\r\n" + BODY[3:] + b"\r\n0\r\nTrailer: x\r\n\r\n"):
            self.assertEqual(client.send(CHUNKED + body).answer()[0::2], (200, b"3\n"))
        # A trailer is no field of the request.
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"10\r\n" + BODY + b"\r\n0\r\nX-Command: math.add\r\n\r\n")
        self.assertEqual(client.answer()[0], 400)

    def test_expect_continue(self):
        client = self.raw()
        client.send(POST + b"Content-Length: 16\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(client.until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(client.send(BODY).answer()[0], 200)
        # Refused before the body: there is no 100, and the connection ends.
        client.send(b"POST /call/nobody.has.it HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n"
                    b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(client.answer()[0], 404)
        self.assertTrue(client.closed())
        client = self.raw().send(POST + b"Content-Length: 16\r\nExpect: tea\r\n\r\n")
        self.assertEqual(client.answer()[0], 417)

    def test_forms_of_targets(self):
        for target in b"http://a/call/math.add", b"/call/math.add?x=y", b"/call/math%2Eadd":
            client = self.raw().send(WHOLE.replace(b"/call/math.add", target))
            self.assertEqual(client.answer()[0], 200, target)
        for target in b"*", b"call/math.add", b"/call/%", b"/call/%0a", b"/call/%ff", b"a:80":
            client = self.raw().send(WHOLE.replace(b"/call/math.add", target))
            self.assertIn(client.answer()[0], (400, 404, 405), target)


class Refused(GatewayCase):
    """Each is answered with an error, and the connection ends: what follows is not taken for a
    request."""

    def refused(self, data, statuses=(400,)):
        with self.subTest(data=data):
            client = self.raw().send(data + WHOLE)
            status, head, body = client.answer()
            self.assertIn(status, statuses)
            self.assertIn("Connection: close", head)
            json.loads(body)
            self.assertTrue(client.closed(), "something more was answered")
            self.assertIn(f"status={status}", self.gateway.text())

    def test_framing(self):
        for fields in (b"Content-Length: 16\r\nContent-Length: 16\r\n",
                       b"Content-Length: 16\r\nContent-Length: 0\r\n",
                       b"Content-Length: 16, 16\r\n", b"Content-Length: +16\r\n",
                       b"Content-Length: 0x10\r\n", b"Content-Length: -1\r\n",
                       b"Content-Length: 16 \x0b\r\n", b"Content-Length:\r\n",
                       b"Content-Length: 99999999999999999999\r\n",
                       b"Content-Length: 16\r\nTransfer-Encoding: chunked\r\n",
                       b"Transfer-Encoding: chunked\r\nContent-Length: 16\r\n",
                       b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                       b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
                       b"Transfer-Encoding: chunked, identity\r\n",
                       b"Transfer-Encoding: \x0bchunked\r\n", b"Transfer-Encoding: identity\r\n",
                       b"Transfer-Encoding : chunked\r\n", b"Content-Length : 16\r\n",
                       b"Transfer-Encoding:\r\n chunked\r\n", b"X: y\r\n folded\r\n",
                       b"X: y\n", b"X: y\rZ: z\r\n", b"X\x00: y\r\n", b"X: \x00\r\n", b": y\r\n",
                       b"X y\r\n", b"\xe9: y\r\n"):
            self.refused(POST + fields + b"\r\n" + BODY, (400, 413, 501))
        self.refused(b"POST /call/math.add HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")

    def test_request_lines_and_hosts(self):
        for line in (b"POST  /call/math.add HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"POST /call/math.add  HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"POST /call/math.add HTTP/1.1 \r\nHost: localhost\r\n\r\n",
                     b"POST /call/math add HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"POST\t/call/math.add HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"POST /call/math.add\r\n\r\n", b"POST /call/math.add HTTP/1.1\r\n\r\n",
                     b"POST /call/math.add HTTP/1.1\nHost: a\n\n",
                     b"POST /call/math.add HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
                     b" POST /call/math.add HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"\r\n\r\n\r\nPOST /call/math.add HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\x00\r\n\r\n"):
            self.refused(line)
        self.refused(b"POST /call/math.add HTTP/2.0\r\nHost: localhost\r\n\r\n", (400, 505))
        self.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505))

    def test_chunks(self):
        for body in (b"10\n" + BODY + b"\r\n0\r\n\r\n", b"0x10\r\n" + BODY + b"\r\n0\r\n\r\n",
                     b"-1\r\n" + BODY, b"10 \r\n" + BODY + b"\r\n0\r\n\r\n",
                     b"ffffffffffffffffff\r\n", b"10\r\n" + BODY + b"0\r\n\r\n",
                     b"10\r\n" + BODY + b"XX0\r\n\r\n", b"g\r\n", b"\r\n",
                     b"10;a=\nb\r\n" + BODY + b"\r\n0\r\n\r\n", b"1" + b"0" * 9000,
                     b"10;" + b"x" * 9000, b"10\r\n" + BODY + b"\r\n0\r\nContent-Length: 3\r\n\r\n"):
            self.refused(CHUNKED + body, (400, 413))


if __name__ == "__main__":
    main()
