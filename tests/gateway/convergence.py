#!/usr/bin/env python3
"""The route table: paths to commands, to an older HTTP service, to shares of both; changed under load."""
import http.client
import json
import re
import signal
import statistics
import subprocess
import threading
import time

from gateway_case import BIN, ENV, GatewayCase, eventually, main
from older_service import OlderService, RawService


class Routed(GatewayCase):
    route = "to: upstream"
    more = ""
    stall = timeout = "20s"  # a busy machine answers late, too

    def setUp(self):
        self.older = OlderService()
        self.addCleanup(self.older.end)
        self.config = self.text(self.route)
        super().setUp()

    def text(self, route):
        return f"""
principals: {{anybody: {{anonymous: true, call: ["math.*", "slow.*", "user.*", "rows.*"], concurrent: 500}}}}
upstreams:
  old: {{url: "http://127.0.0.1:{self.older.port}", timeout: {self.timeout},
        breaker: {{failures: 3, stall: {self.stall}, pause: 300ms}}}}
routes:
  - {{path: "/add/{{a}}", method: GET, command: math.add, upstream: old, {route}}}
  - {{path: /add, method: POST, command: math.add, upstream: old, {route}}}
  - {{path: "/other/*", command: math.other, upstream: old}}
  - {{path: /secret, command: secret.one, upstream: old}}
limits: {{call_time: 20s}}
{self.more}"""

    def change(self, route):
        before = self.gateway.text().count("configuration read anew")
        self.write_config(self.text(route))
        self.gateway.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually(
            lambda: self.gateway.text().count("configuration read anew") > before),
            self.gateway.text())

    def add(self, a, b, **fields):
        status, head, body = self.ask("GET", f"/add/{a}?b={b}", **fields)
        return status, json.loads(body) if body else None, head.get("x-older") == "yes"

    def metric(self, pattern):
        text = self.ask("GET", "/metrics")[2].decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if re.match(pattern, line))

    def outcomes(self, side, outcome):
        return self.metric(rf'shmbus_gateway_route_requests_total.*side="{side}".*"{outcome}"')


class ToTheOlder(Routed):
    def test_a_request_passes_as_it_is(self):
        status, head, body = self.ask("PUT", "/other/x%20y/z?q=1&r=%2F", "the body", X_Mine="1",
                                      Content_Type="text/plain")
        self.assertEqual(status, 201)
        self.assertEqual(json.loads(body), {"path": "/other/x%20y/z?q=1&r=%2F", "text": "the body"})
        self.assertEqual(head["x-older"], "yes")
        self.assertNotIn("x-private", head)
        method, _, fields, _ = self.older.seen[-1]
        self.assertEqual((method, fields["x-mine"], fields["content-type"]),
                         ("PUT", "1", "text/plain"))
        self.assertEqual(fields["X-Forwarded-For"], "127.0.0.1")
        status, head, body = self.ask("HEAD", "/other/h")
        self.assertEqual((status, body), (201, b""))
        self.assertEqual(self.ask("GET", "/other/after")[0], 201)

    def test_fields_of_a_connection_are_named_in_full(self):
        self.assertEqual(self.ask("GET", "/other/x", Connection="keep-alive, X-Mine-Too", X_Mine="1",
                                  X_Mine_Too="2", Alive="3")[0], 201)
        fields = self.older.seen[-1][2]
        self.assertEqual((fields.get("x-mine"), fields.get("alive")), ("1", "3"))
        self.assertNotIn("x-mine-too", fields)

    def test_a_path_cannot_leave_its_route(self):
        for path in ("/other/../secret", "/other/%2e%2E/secret", "/other/x/..%2f..%2fsecret", "/other/..",
                     "/other/./x", "/other/.", "/other/..%5Csecret", "/other/..;x/secret"):
            with self.subTest(path=path):
                self.assertEqual(self.ask("GET", path)[0], 400)
        self.assertEqual(self.older.asked(), 0)
        self.assertEqual(self.ask("GET", "/other/.x/..y/...")[0], 201)

    def test_the_older_one_does_not_see_another_authority(self):
        self.assertEqual(self.ask("GET", "http://evil.example/other/x?q=1", Host="localhost")[0], 201)
        self.assertEqual(self.older.seen[-1][1], "/other/x?q=1")

    def test_permissions_and_methods(self):
        self.assertEqual(self.ask("GET", "/secret")[0], 403)
        status, head, _ = self.ask("DELETE", "/add/1")
        self.assertEqual((status, head["allow"]), (405, "GET"))
        self.assertEqual(self.ask("GET", "/nowhere")[0], 404)
        self.assertEqual(self.ask("GET", "/add/1/2")[0], 404)
        self.assertEqual(self.older.asked(), 0)

    def test_connections_are_kept(self):
        pauses, last = 0, time.monotonic()
        for i in range(30):
            self.assertEqual(self.add(i, 1), (200, i + 1, True))
            pauses += time.monotonic() - last > 1.5  # one that is idle for 2 s is closed
            last = time.monotonic()
        self.assertLessEqual(len(self.older.connections), 2 + pauses)

    def started_again(self, port):
        try:
            return OlderService(port)
        except OSError:  # an outgoing connection of another program has the port
            return None

    def test_a_service_that_is_away(self):
        self.assertEqual(self.add(1, 1)[0], 200)
        self.older.end()
        statuses = [self.add(1, 1)[0] for _ in range(8)]
        self.assertEqual(statuses[:1], [502])
        self.assertIn(503, statuses)  # the breaker
        self.older = eventually(lambda: self.started_again(self.older.port))
        self.assertTrue(self.older, "its port was taken")
        self.addCleanup(self.older.end)
        self.assertTrue(eventually(lambda: self.add(1, 1)[0] == 200))


class ToTheBus(Routed):
    route = "to: bus"

    def test_parameters_become_members(self):
        self.assertEqual(self.add(20, 22), (200, 42, False))
        status, _, body = self.ask("POST", "/add", '{"a": 1, "b": 2}')
        self.assertEqual((status, json.loads(body)), (200, 3))
        status, _, body = self.ask("GET", "/add/x?b=1")
        self.assertEqual((status, json.loads(body)["kind"]), (400, "invalid_argument"))
        self.assertEqual(self.ask("GET", "/add/1?b=1&other=2")[0], 200)  # not of the type: left out
        self.assertEqual(self.ask("POST", "/add?a=5", '{"b": 2}')[2].strip(), b"7")
        self.assertEqual(self.ask("POST", "/add?a=5", '{"a": 5, "b": 2}')[0], 400)
        self.assertEqual(self.older.asked(), 0)


class Shares(Routed):
    route = "to: share, percent: 25"

    def test_a_share_is_exact(self):
        sides = [self.add(i, 1)[2] for i in range(100)]
        self.assertEqual(sides.count(False), 25)
        self.assertEqual(self.outcomes("bus", "ok"), 25)
        self.assertEqual(self.outcomes("upstream", "ok"), 75)

    def test_a_side_that_dies_is_passed_within_100_ms(self):
        self.change("to: share, percent: 1")
        self.assertEqual(self.add(1, 1)[0], 200)
        self.older.end()
        times = []
        for i in range(50):
            began = time.monotonic()
            self.assertEqual(self.add(i, 1)[:2], (200, i + 1))
            times.append(time.monotonic() - began)
        self.assertLess(statistics.median(times), 0.1)
        self.assertGreater(self.outcomes("upstream", "passed"), 40)
        self.assertEqual(self.outcomes("upstream", "ok"), 1)


class Hangs(Routed):
    stall = "60ms"
    timeout = "3s"
    route = "to: share, percent: 1"

    def test_a_side_that_hangs_is_passed_within_100_ms(self):
        self.older.hang.set()
        stuck = threading.Thread(target=self.add, args=(1, 1))
        stuck.start()
        self.addCleanup(stuck.join)
        self.addCleanup(self.older.released.set)  # before it joins
        self.assertTrue(eventually(lambda: self.older.asked() == 1))
        reached = time.monotonic()
        self.assertTrue(eventually(
            lambda: self.metric(r'shmbus_gateway_route_breaker.*GET.*upstream.*"open"') == 1))
        # stall 60 ms, a tick 10 ms: the rest is what this machine and test take.
        self.assertLess(time.monotonic() - reached, 2)
        self.assertTrue(stuck.is_alive())  # the request that hangs still waits for its answer
        self.assertEqual(self.add(1, 1), (200, 2, False))


class Headers(Routed):
    route = 'to: header, header: "X-Backend: bus"'

    def test_a_field_decides(self):
        self.assertEqual(self.add(1, 2), (200, 3, True))
        self.assertEqual(self.add(1, 2, X_Backend="bus"), (200, 3, False))
        self.assertEqual(self.add(1, 2, X_Backend="older"), (200, 3, True))


class Shadows(Routed):
    route = "to: shadow"

    def test_both_are_compared_and_the_older_answers(self):
        for i in range(10):
            self.assertEqual(self.add(i, 2), (200, i + 2, True))
        same = r'shmbus_gateway_route_shadow_total.*"same"'
        different = r'shmbus_gateway_route_shadow_total.*"different"'
        self.assertTrue(eventually(lambda: self.metric(same) == 10))
        self.assertEqual(self.metric(different), 0)
        self.older.error = 1
        self.assertEqual(self.add(1, 2), (200, 4, True))
        self.assertTrue(eventually(lambda: self.metric(different) == 1))
        self.assertEqual(self.outcomes("bus", "ok"), 11)

    def test_the_older_answer_comes_as_text_that_can_be_compared(self):
        self.assertEqual(self.add(1, 2, Accept_Encoding="gzip, br"), (200, 3, True))
        with self.older.lock:
            fields = {name.lower() for name in self.older.seen[-1][2]}
        self.assertNotIn("accept-encoding", fields)


class Moves(Routed):
    def test_there_and_back_under_load(self):
        failed, sides, stop = [], set(), threading.Event()

        def load(number):
            connection = http.client.HTTPConnection(*self.address, timeout=60)
            try:
                while not stop.is_set():
                    connection.request("GET", f"/add/{number}?b=1")
                    answer = connection.getresponse()
                    body = answer.read()
                    sides.add(answer.getheader("x-older"))
                    if answer.status != 200 or json.loads(body) != number + 1:
                        failed.append((answer.status, body))
            except (OSError, ValueError, http.client.HTTPException) as error:
                failed.append(repr(error))
            connection.close()
        threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
        for one in threads:
            one.start()
        try:
            for route in ("to: shadow", "to: share, percent: 20", "to: share, percent: 70",
                          "to: bus", "to: share, percent: 20", "to: upstream"):
                self.change(route)
                side = "bus" if route == "to: bus" else "upstream"
                seen = self.outcomes(side, "ok")
                self.assertTrue(eventually(lambda: self.outcomes(side, "ok") > seen + 20))
        finally:
            stop.set()
            for one in threads:
                one.join()
        self.assertEqual(failed, [])
        self.assertEqual(sides, {"yes", None})


class Documents(Routed):
    more = 'openapi: [{file: "FOLDER/api.yaml"}]\n'

    def write_config(self, text):
        with open(self.path("api.yaml"), "w") as out:
            out.write("""
openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /sums/{a}:
    get:
      operationId: math.add
      summary: Adds two numbers.
      parameters: [{name: a, in: path, required: true, schema: {type: integer}}]
      responses: {"200": {description: ok}}
  /sums/fixed:
    post: {x-command: user.create, responses: {"200": {description: ok}}}
""")
        return super().write_config(text)

    def test_operations_are_routes(self):
        self.assertEqual(self.ask("GET", "/sums/40?b=2")[2].strip(), b"42")
        status, _, body = self.ask("POST", "/sums/fixed", '{"email": "a@b.c", "plan": "free"}')
        self.assertEqual((status, json.loads(body)["email"]), (200, "a@b.c"))
        status, _, body = self.ask("POST", "/mcp", json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}), Content_Type="application/json")
        [tool] = [t for t in json.loads(body)["result"]["tools"] if t["name"] == "math.add"]
        self.assertEqual(tool["description"], "Adds two numbers.")
        self.assertEqual(tool["annotations"], {"readOnlyHint": True})


class Hostile(Routed):
    def test_answers_that_are_none(self):
        cases = [b"", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"\0" * 100_000,
                 b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
                 b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                 b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
                 b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n"]
        for answer in cases:
            with self.subTest(answer=answer[:60]):
                service = RawService(answer)
                self.addCleanup(service.end)
                self.older.port = service.port
                self.change("to: upstream")
                status, _, body = self.ask("GET", "/add/1")
                self.assertEqual((status, json.loads(body)["type"]),
                                 (502, "urn:shmbus:gateway:upstream"))
        service = RawService(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nto the end")
        self.addCleanup(service.end)
        self.older.port = service.port
        self.change("to: upstream")
        self.assertEqual(self.ask("GET", "/add/1")[::2], (200, b"to the end"))


class Checked(Routed):
    def check(self, text):
        path = self.write_config(text)
        done = subprocess.run([BIN / "shmbus-gateway", "--config", path, "--check"], env=ENV,
                              capture_output=True, text=True, timeout=30)
        return done.returncode, done.stderr

    def test_what_is_wrong_is_named_with_its_line(self):
        cases = [
            ("routes: [{path: add, command: a.b}]\n", "a path begins with '/'"),
            ("routes: [{path: '/a{b}', command: a.b}]\n", "a whole segment"),
            ("routes: [{path: /a, command: a.b, upstream: no}]\n", "there is no upstream 'no'"),
            ("routes: [{path: /a, command: a.b, to: shadow}]\n", "needs an upstream"),
            ("routes: [{path: /a, command: a.b, to: sideways}]\n", "'to' takes"),
            ("routes: [{path: /a, method: get, command: a.b}]\n", "capital letters"),
            ("routes: [{path: /a}]\n", "'command' takes"),
            ("upstreams: {old: {url: 'ftp://x'}}\n", "a url is"),
            ("upstreams: {old: {url: 'http://127.0.0.1:1', breker: {}}}\n", "did you mean 'breaker'"),
            ("openapi: [{file: /no/such.yaml}]\n", "/no/such.yaml"),
        ]
        for text, why in cases:
            with self.subTest(text=text):
                code, said = self.check("principals: {a: {anonymous: true}}\n" + text)
                self.assertEqual(code, 1)
                self.assertRegex(said, r"gateway\.yaml:5: ")
                self.assertIn(why, said)


if __name__ == "__main__":
    main()
