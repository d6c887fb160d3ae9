#!/usr/bin/env python3
"""The form of answers: conditional GET, compression. What a client does not ask for it does not get."""
import gzip
import json
import subprocess
import unittest

from gateway_case import BIN, GatewayCase, main


class Conditional(GatewayCase):
    def test_openapi_is_sent_once(self):
        status, fields, body = self.ask("GET", "/openapi.json")
        self.assertEqual(status, 200)
        tag = fields["etag"]
        self.assertRegex(tag, r'^W/"[0-9a-f]{32}"$')
        self.assertEqual(fields["cache-control"], "private, no-cache")
        for seen in (tag, tag[2:], f'"other", {tag}', "*"):
            for method in ("GET", "HEAD"):
                status, fields, rest = self.ask(method, "/openapi.json", If_None_Match=seen)
                self.assertEqual((status, rest, fields["etag"]), (304, b"", tag), seen)
                self.assertIsNone(fields["content-type"])
                self.assertIsNone(fields["content-length"])
        self.assertEqual(self.ask("GET", "/openapi.json", If_None_Match='W/"other"')[::2], (200, body))
        self.assertEqual(self.ask("HEAD", "/openapi.json")[1]["etag"], tag)

    def test_another_description_is_sent(self):
        tag = self.ask("GET", "/openapi.json")[1]["etag"]
        other = subprocess.Popen([str(BIN / "shmbus"), "--bus", self.bus, "serve", "more.names", "--",
                                  "cat"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (other.kill(), other.wait()))
        while True:  # until it is registered
            status, fields, body = self.ask("GET", "/openapi.json", If_None_Match=tag)
            self.assertIsNone(other.poll())
            if status == 200:
                break
        self.assertIn("/call/more.names", json.loads(body)["paths"])
        self.assertNotEqual(fields["etag"], tag)

    def test_the_keep_alive_goes_on_behind_304(self):
        tag = self.ask("GET", "/openapi.json")[1]["etag"].encode()
        client = self.raw()
        one = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + tag + b"\r\n\r\n"
        client.send(one * 3)
        self.assertEqual([client.answer()[0] for _ in range(3)], [304] * 3)


class Compression(GatewayCase):
    def test_json_is_compressed_where_it_is_wanted(self):
        _, plain_fields, plain = self.ask("GET", "/openapi.json", Accept_Encoding="identity")
        self.assertIsNone(plain_fields["content-encoding"])
        self.assertEqual(plain_fields["vary"], "Accept-Encoding")
        for wish in ("gzip", "br, gzip;q=0.5", "x-gzip", "*", "GZIP"):
            status, fields, body = self.ask("GET", "/openapi.json", Accept_Encoding=wish)
            self.assertEqual((status, fields["content-encoding"]), (200, "gzip"), wish)
            self.assertEqual(int(fields["content-length"]), len(body))
            self.assertLess(len(body), len(plain) / 3)
            self.assertEqual(gzip.decompress(body), plain)
        for wish in ("gzip;q=0", "*, gzip; q=0.0", "br", "*;q=0", "", "gzipped"):
            _, fields, body = self.ask("GET", "/openapi.json", Accept_Encoding=wish)
            self.assertEqual((fields["content-encoding"], body), (None, plain), wish)
        head = self.ask("HEAD", "/openapi.json", Accept_Encoding="gzip")[1]
        self.assertEqual(head["content-encoding"], "gzip")

    def test_the_answer_to_a_post_is_compressed(self):
        message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        form = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
        plain = self.ask("POST", "/mcp", message, **form)[2]
        status, fields, body = self.ask("POST", "/mcp", message, Accept_Encoding="gzip", **form)
        self.assertEqual((status, fields["content-encoding"]), (200, "gzip"))
        self.assertEqual(json.loads(gzip.decompress(body)), json.loads(plain))

    def test_what_is_short_or_bytes_is_not(self):
        small = self.ask("POST", "/call/math.add", '{"a":1,"b":2}', Accept_Encoding="gzip")
        self.assertIsNone(small[1]["content-encoding"])
        raw = self.ask("POST", "/call/bytes.echo", b"\0" * 4096, Accept_Encoding="gzip",
                       Content_Type="application/octet-stream")
        self.assertEqual((raw[0], raw[1]["content-encoding"], raw[2]), (200, None, b"\0" * 4096))

    def test_files_of_the_page(self):
        _, plain, text = self.ask("GET", "/page/app.js", Accept_Encoding="identity")
        _, small, body = self.ask("GET", "/page/app.js", Accept_Encoding="gzip")
        self.assertEqual(gzip.decompress(body), text)
        # The bytes are others, so the tag is not a strong one any more; it still serves.
        self.assertEqual(small["etag"], "W/" + plain["etag"])
        self.assertEqual(self.ask("GET", "/page/app.js", If_None_Match=small["etag"])[0], 304)


class NoCompression(GatewayCase):
    config = ("principals:\n  any: {anonymous: true, call: '*'}\n"
              "limits: {compress: false}\n")

    def test_none(self):
        _, fields, body = self.ask("GET", "/openapi.json", Accept_Encoding="gzip")
        self.assertEqual((fields["content-encoding"], fields["vary"]), (None, None))
        json.loads(body)


if __name__ == "__main__":
    main()
