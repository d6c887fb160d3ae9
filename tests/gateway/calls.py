#!/usr/bin/env python3
"""Calls over HTTP: by type and as bytes, errors, deadlines, traces, clients that go."""
import json
import os
import pathlib
import signal
import time

from gateway_case import GatewayCase, eventually, main


class Calls(GatewayCase):
    def test_a_call_by_type(self):
        status, fields, body = self.ask("POST", "/call/user.create",
                                        '{"email": "a@b.c", "plan": "paid"}')
        self.assertEqual((status, fields["content-type"]), (200, "application/json"))
        self.assertEqual(json.loads(body),
                         {"id": 1, "email": "a@b.c", "plan": "paid", "scores": [0.5]})
        self.assertEqual(self.call("math.add", {"a": -2, "b": 5}), (200, 3))
        self.assertEqual(self.call("text.count", {"id": 1, "body": "x" * 9000}), (200, 9000))
        self.assertEqual(self.call("slow.cancelled"), (200, 0))

    def test_the_name_in_a_field(self):
        body = '{"a": 1, "b": 2}'
        for path in "/", "/some/where":
            status, _, text = self.ask("POST", path, body, X_Command="math.add")
            self.assertEqual((status, json.loads(text)), (200, 3))
        self.assertEqual(self.ask("POST", "/", body)[0], 400)

    def test_bytes_as_they_are(self):
        data = bytes(range(256)) * 8
        status, fields, body = self.ask("POST", "/call/bytes.echo", data,
                                        Content_Type="application/octet-stream")
        self.assertEqual((status, body), (200, data))
        self.assertEqual(fields["content-type"], "application/octet-stream")
        self.assertEqual(self.call("bytes.echo", {})[0], 415)
        pair = (1).to_bytes(4, "little") + (2).to_bytes(4, "little")
        status, _, body = self.ask("POST", "/call/math.add", pair, Accept="application/json",
                                   Content_Type="application/octet-stream")
        self.assertEqual((status, json.loads(body)), (200, 3))
        self.assertEqual(self.ask("POST", "/call/math.add", pair[1:],
                                  Content_Type="application/octet-stream")[0], 400)

    def test_one_way_commands(self):
        self.assertEqual(self.ask("POST", "/send/note.add", '{"ms": 5}')[0], 202)
        self.assertTrue(eventually(lambda: self.call("note.add", {"ms": 0}) == (200, 5)))

    def test_problems(self):
        cases = [
            ("nobody.has.it", {}, 404, "not_registered", False),
            ("math.add", {"a": 1}, 400, "invalid_argument", False),
            ("math.add", {"a": 1, "b": "x"}, 400, "invalid_argument", False),
            ("bad.refuse", {"ms": 409}, 422, "rejected", True),
            ("bad.die", None, 502, "handler_died_after_start", True),
        ]
        for name, value, status, kind, ran in cases:
            with self.subTest(name=name, value=value):
                got, problem = self.call(name, value)
                self.assertEqual((got, problem["status"], problem["kind"]), (status, status, kind))
                self.assertEqual(problem["type"], "urn:shmbus:error:" + kind)
                self.assertEqual(problem["may_have_run"], ran)
        self.assertTrue(self.gateway.process.poll() is None)

    def test_a_rejection_carries_code_and_words(self):
        status, problem = self.call("bad.refuse", {"ms": 409})
        self.assertEqual((status, problem["code"], problem["detail"]), (422, 409, "not today"))
        self.assertTrue(problem["may_have_run"])

    def test_text_of_others_is_escaped(self):
        status, fields, body = self.ask("POST", "/call/%E2%80%AE%22x", "{}")
        self.assertEqual(status, 400)  # no name has such a character
        status, fields, body = self.ask("POST", '/call/a%22%3Cb%3E', "{}")
        self.assertEqual(status, 404)
        self.assertEqual(fields["content-type"], "application/problem+json")
        json.loads(body)

    def test_a_deadline(self):
        began = time.monotonic()
        status, problem = self.call("slow.sleep", {"ms": 20000}, Request_Timeout="200ms")
        self.assertEqual((status, problem["kind"]), (504, "timed_out"))
        self.assertLess(time.monotonic() - began, 5)
        status, me = self.call("who.am.i", None, Request_Timeout="30")
        self.assertGreater(me["left_ms"], 20000)
        status, me = self.call("who.am.i", None, Prefer="wait=20")
        self.assertLess(me["left_ms"], 20001)
        self.assertEqual(self.call("math.add", {}, Request_Timeout="soon")[0], 400)

    def test_a_trace_and_the_principal_reach_the_handler(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        _, me = self.call("who.am.i", None, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        self.assertIn(trace, me["trace"])
        self.assertEqual(me["label"], "anybody")
        self.assertEqual(self.call("who.am.i", None, traceparent="nonsense")[1]["trace"], "")

    def test_a_client_that_goes_cancels(self):
        client = self.raw()
        body = b'{"ms": 20000}'
        client.send(b"POST /call/slow.sleep HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(body), body))
        self.assertTrue(eventually(lambda: self.call("slow.started") == (200, 1)))
        client.close()
        self.assertTrue(eventually(lambda: self.call("slow.cancelled") == (200, 1)))

    def test_a_slow_handler_keeps_nobody_waiting(self):
        slow = [self.raw() for _ in range(5)]
        for client in slow:
            client.send(b'POST /call/slow.sleep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n'
                        b'{"ms": 3000}')
        for i in range(20):
            began = time.monotonic()
            self.assertEqual(self.call("math.add", {"a": i, "b": 1}), (200, i + 1))
            self.assertLess(time.monotonic() - began, 2)

    def test_a_stopped_handler_harms_nobody(self):
        os.kill(self.handlers.process.pid, signal.SIGSTOP)
        status, problem = self.call("math.add", {"a": 1, "b": 1}, Request_Timeout="300ms")
        self.assertEqual((status, problem["kind"]), (504, "timed_out"))
        self.assertEqual(self.ask("GET", "/health")[0], 200)
        os.kill(self.handlers.process.pid, signal.SIGCONT)
        self.assertTrue(eventually(lambda: self.call("math.add", {"a": 1, "b": 1}) == (200, 2)))

    def test_a_handler_that_went_and_came_back(self):
        self.assertEqual(self.call("math.add", {"a": 1, "b": 1}), (200, 2))
        self.handlers.end()
        status, problem = self.call("math.add", {"a": 1, "b": 1})
        self.assertIn((status, problem["kind"]),
                      [(503, "not_registered"), (503, "handler_died_before_start")])
        self.handlers = self.start_handlers()
        self.assertTrue(eventually(lambda: self.call("math.add", {"a": 1, "b": 1}) == (200, 2)))

    def test_a_bus_that_was_replaced(self):
        self.assertEqual(self.call("math.add", {"a": 1, "b": 1}), (200, 2))
        self.handlers.end()
        pathlib.Path(self.bus).unlink()
        self.assertTrue(eventually(lambda: self.ask("GET", "/health")[0] == 503))
        self.handlers = self.start_handlers()
        self.assertTrue(eventually(lambda: self.call("math.add", {"a": 1, "b": 1}) == (200, 2)))


class Methods(GatewayCase):
    def test_pages_of_other_sites(self):
        host = "%s:%d" % self.address
        for origin, status in (("http://evil.example", 403), ("null", 403),
                               ("http://" + host, 200)):
            got = self.call("math.add", {"a": 1, "b": 2}, Origin=origin)
            self.assertEqual(got[0], status, origin)

    def test_methods(self):
        status, fields, _ = self.ask("OPTIONS", "/call/math.add")
        self.assertEqual((status, fields["allow"]), (204, "POST, OPTIONS"))
        status, fields, _ = self.ask("GET", "/call/math.add")
        self.assertEqual((status, fields["allow"]), (405, "POST, OPTIONS"))
        self.assertEqual(self.ask("BREW", "/call/math.add")[0], 405)
        self.assertEqual(self.ask("GET", "/nothing")[0], 404)
        status, fields, body = self.ask("HEAD", "/health")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(fields["content-length"]), 0)
        self.assertEqual(self.ask("POST", "/call/math.add", "x", Content_Type="text/plain")[0], 415)


if __name__ == "__main__":
    main()
