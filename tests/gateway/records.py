#!/usr/bin/env python3
"""Commands with streams over HTTP: the forms of records, their ends, slow readers, clients that go."""
import json
import time

from gateway_case import GatewayCase, eventually, main

ROW = {"number": 1, "text": 'row "1"'}
LINES = "application/x-ndjson"


class FromTheHandler(GatewayCase):
    def rows(self, count, **fields):
        return self.ask("POST", "/call/rows.list", json.dumps({"ms": count}),
                        Content_Type="application/json", **fields)

    def test_forms(self):
        two = [ROW, {"number": 2, "text": 'row "2"'}]
        for accept in None, "*/*", LINES, "text/html;q=0.5, application/jsonl":
            status, fields, body = self.rows(2, **({"Accept": accept} if accept else {}))
            self.assertEqual((status, fields["content-type"]), (200, LINES))
            self.assertEqual([json.loads(line) for line in body.splitlines()], two)
        _, fields, body = self.rows(2, Accept="application/json-seq")
        self.assertEqual(fields["content-type"], "application/json-seq")
        self.assertEqual([json.loads(part) for part in body.split(b"\x1e")[1:]], two)
        _, fields, body = self.rows(2, Accept="application/json")
        self.assertEqual((fields["content-type"], json.loads(body)), ("application/json", two))
        _, fields, body = self.rows(2, Accept="text/event-stream")
        events = body.decode().split("\n\n")
        self.assertEqual(fields["content-type"], "text/event-stream")
        self.assertEqual([json.loads(e[6:]) for e in events[:2]], two)
        self.assertEqual(events[2], "event: end\ndata: {}")
        self.assertEqual(self.rows(2, Accept="text/html")[0], 406)

    def test_no_records(self):
        self.assertEqual(self.rows(0)[2], b"")
        self.assertEqual(json.loads(self.rows(0, Accept="application/json")[2]), [])

    def test_many(self):
        status, _, body = self.rows(300_000)
        self.assertEqual(status, 200)
        numbers = [json.loads(line)["number"] for line in body.splitlines()]
        self.assertEqual(numbers, list(range(1, 30_001)))

    def test_what_is_no_request(self):
        status, _, body = self.ask("POST", "/call/rows.list", '{"ms": "x"}')
        problem = json.loads(body)
        self.assertEqual((status, problem["kind"], problem["may_have_run"]),
                         (400, "invalid_argument", False))
        self.assertEqual(self.ask("POST", "/send/rows.list", '{"ms": 1}')[0], 400)

    def test_a_rejection_before_the_first_record_is_a_problem(self):
        status, _, body = self.rows(1000)
        self.assertEqual((status, json.loads(body)["code"]), (422, 7))

    def test_a_rejection_behind_records_cuts_the_body_off(self):
        for accept in LINES, "text/event-stream":
            raw = self.raw().send(
                b'POST /call/rows.list HTTP/1.1\r\nHost: localhost\r\nAccept: ' + accept.encode()
                + b'\r\nContent-Length: 11\r\n\r\n{"ms":1002}')
            head = raw.until(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "))
            body = raw.all()
            self.assertNotIn(b"\r\n0\r\n\r\n", body)
            self.assertIn(b'"number":2', body)
            self.assertIn(b'event: error\ndata: {' if accept != LINES else b'{"problem":{', body)
            self.assertIn(b'"code":7', body)

    def test_more_records_than_a_request_may_have(self):
        fields = {"Content_Type": "application/x-ndjson"}
        status, _, text = self.ask("POST", "/call/rows.sum", b"1\n" * 100_001, **fields)
        self.assertEqual((status, json.loads(text)["detail"]), (413, "too many records"))
        self.assertEqual(self.ask("POST", "/call/rows.sum", b"\n" * 500_000, **fields)[2].strip(), b"0")

    def test_a_deadline(self):
        began = time.monotonic()
        raw = self.raw().send(b"POST /call/rows.endless HTTP/1.1\r\nHost: localhost\r\n"
                              b"Request-Timeout: 200ms\r\nContent-Length: 0\r\n\r\n")
        self.assertIn(b'"kind":"timed_out"', raw.all())
        self.assertLess(time.monotonic() - began, 10)

    def test_a_client_that_goes_cancels(self):
        raw = self.raw().send(
            b"POST /call/rows.endless HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        raw.until(b'"number":20,')
        raw.close()
        self.assertTrue(eventually(lambda: self.call("slow.cancelled")[1] == 1))

    def test_a_slow_reader_holds_up_nobody_else(self):
        slow = self.raw().send(b'POST /call/rows.list HTTP/1.1\r\nHost: localhost\r\n'
                               b'Content-Length: 14\r\n\r\n{"ms":2000000}')
        slow.until(b'"number":10,')
        for _ in range(20):
            self.assertEqual(self.call("math.add", {"a": 1, "b": 2}), (200, 3))
        body = slow.until(b"\r\n0\r\n\r\n")
        self.assertIn(b'"number":200000,', body)


class ToTheHandler(GatewayCase):
    def test_a_sum(self):
        lines = "".join(json.dumps({"a": i, "b": 1}) + "\n" for i in range(5000))
        for media, body in (LINES, lines), ("application/jsonl; charset=utf-8", lines[:-1]), \
                ("application/json-seq", "".join("\x1e" + l + "\n" for l in lines.splitlines())):
            status, _, text = self.ask("POST", "/call/rows.sum", body, Content_Type=media)
            self.assertEqual((status, json.loads(text)), (200, sum(range(5000)) + 5000))
        self.assertEqual(self.ask("POST", "/call/rows.sum", "", Content_Type=LINES)[2], b"0\n")

    def test_what_is_no_record(self):
        status, _, body = self.ask("POST", "/call/rows.sum", '{"a":1,"b":2}\n\n{"a":1}\n',
                                   Content_Type=LINES)
        problem = json.loads(body)
        self.assertEqual((status, problem["may_have_run"]), (400, False))
        self.assertIn("record 2", problem["detail"])
        self.assertEqual(self.ask("POST", "/call/rows.sum", "{}",
                                  Content_Type="application/json")[0], 415)

    def test_both_ways(self):
        rows = [{"number": i, "text": "x" * (i % 20)} for i in range(20_000)]
        body = "".join(json.dumps(row) + "\n" for row in rows)
        status, _, text = self.ask("POST", "/call/rows.echo", body, Content_Type=LINES)
        self.assertEqual(status, 200)
        self.assertEqual([json.loads(line) for line in text.splitlines()], rows)


if __name__ == "__main__":
    main()
