"""Calls from one machine to another: values, errors, deadlines, cancellation, what is allowed."""
import json
import signal
import subprocess

from fleet_case import BIN, FleetCase, Machine, Nats, Program, eventually, main, start_server


NAMES = ("bad.die", "bad.nested", "bad.refuse", "bytes.echo", "text.long", "who.am.i", "work.add", "work.cancelled")


class Calls(FleetCase):
    def setUp(self):
        super().setUp()
        self.a, self.b = Machine(self, "a"), Machine(self, "b")
        self.handlers = self.b.serve()
        self.a.tool("init")
        self.b.start_bridge("--export", "*")
        self.a.start_bridge("--import", "*")
        self.a.sees(NAMES, "bridge:b")

    def nats(self):
        client = Nats(self.ports[0])
        self.addCleanup(client.close)
        return client

    def test_a_call_and_its_reply_with_label_deadline_and_trace(self):
        done = self.a.call("work.add", {"id": 7, "deadline_ns": 0, "ms": 0})
        self.assertEqual(done, {"id": 7, "machine": "b"})
        who = self.a.call("who.am.i")
        self.assertIn("@a", who["label"])
        self.assertGreater(who["left_ms"], 1000)
        self.assertLessEqual(who["left_ms"], 5000)

    def test_errors_come_back_as_they_were(self):
        self.assertEqual(self.a.peer("error", "bad.refuse"), "rejected -17 started | not today")
        self.assertEqual(self.a.peer("error", "bad.nested"),
                         "rejected 7 started <- stock.take handler_died_after_start | no stock")
        self.assertTrue(self.a.peer("error", "bad.die").startswith("handler_died_after_start 0 started"))

    def test_a_name_is_offered_until_its_last_server_is_gone(self):
        self.handlers.end(signal.SIGTERM)
        self.assertTrue(eventually(lambda: self.a.served("work.add") is None), self.a.tool("ls").stdout)
        self.b.serve()
        self.a.sees("work.add", "bridge:b")

    def test_a_killed_bridge_takes_its_names_with_it(self):
        self.b.bridge.end(signal.SIGKILL)
        # One that is sent before the server has noticed has an unknown outcome; the next has not.
        self.assertTrue(eventually(lambda: self.a.peer("error", "bad.refuse").startswith("not_registered 0 unstarted")))
        self.assertTrue(eventually(lambda: self.a.served("work.add") is None), self.a.tool("ls").stdout)

    def test_large_payloads_travel_in_parts(self):
        for size in (0, 1, 40_000, 1_048_576, 1_200_000):
            self.assertEqual(self.a.peer("echo", size), "same", f"{size}: {self.a.bridge.text()}")

    def test_threads_that_write_at_the_same_time_keep_the_connection(self):
        callers = [Program(BIN / "peer_bridge_fleet", "call", self.a.bus, 500, 5000, 0,
                           self.path("results"), log=self.path(f"caller-{i}")) for i in range(3)]
        for one in callers:
            self.addCleanup(one.end)
        while any(one.process.poll() is None for one in callers):
            self.assertEqual(self.a.peer("echo", 1_100_000), "same", self.a.bridge.text())
        for machine in (self.a, self.b):
            self.assertNotIn("the engine is away", machine.bridge.text())

    def test_what_nobody_waits_for_is_cancelled(self):
        caller = Program(BIN / "peer_bridge_fleet", "call", self.a.bus, 1, 20_000, 20_000,
                         self.path("results"), log=self.path("caller"))
        self.addCleanup(caller.end)
        self.assertTrue(eventually(self.entries))
        caller.end()
        # The handler runs one command at a time: this one waits until the other was cancelled.
        self.assertEqual(self.b.call("work.cancelled"), 1)
        done = self.a.tool("call", "work.add", '{"id":1,"deadline_ns":0,"ms":20000}', "--timeout", "200ms")
        self.assertIn("deadline", done.stdout)
        self.assertEqual(self.b.call("work.cancelled"), 2)

    def test_a_plain_client_calls_with_json(self):
        client = self.nats()
        head, body = client.request("shmbus.call.work.add", b'{"id":3,"deadline_ns":0,"ms":0}')
        self.assertEqual(json.loads(body), {"id": 3, "machine": "b"}, head)
        head, body = client.request("shmbus.call.work.add", b'{"id":"x"}')
        self.assertIn("Shmbus-Error: invalid_argument", head)
        self.assertIn("Shmbus-Never-Ran: 1", head)
        head, body = client.request("shmbus.call.bad.refuse")
        self.assertIn("Shmbus-Code: -17", head)
        head, body = client.request("shmbus.call.nobody")
        self.assertIn("503", head)

    def test_malformed_messages_harm_nothing(self):
        client = self.nats()
        names = [{"name": "x" * 200}, {"name": "a\u0000b"}, {"name": "ok.name", "schema": "{" * 3000}, 7, None,
                 {"name": "odd", "schema": "no schema", "request_bytes": -1, "reply_bytes": 1e99}]
        hello = {"v": 1, "id": "evil", "machine": "evil", "epoch": "1", "names": names}
        for body in (b"", b"\x00", b"[" * 100_000, b"null", b'"', json.dumps(hello).encode(),
                     json.dumps({**hello, "id": "a.*.>"}).encode(), json.dumps({**hello, "machine": 7}).encode()):
            client.publish("shmbus.hello", body)
            client.publish("shmbus.bye", body[:100])
        big = b"18446744073709551615"
        for headers in (b"Shmbus-Size: " + big, b"Shmbus-Size: -1", b"Shmbus-Left: " + big, b"Shmbus-Room: " + big,
                        b"Shmbus-Sent: 1\r\nShmbus-From: no one", b"Shmbus-Sent: 1", b"Shmbus-Attempt: 0",
                        b"Shmbus-Label: " + b"%" * 2000, b"Shmbus-Path: " + b"," * 2000, b"traceparent: 00-x-y-z"):
            head, _ = client.request("shmbus.call.who.am.i", b"", headers + b"\r\nShmbus-Schema: 0\r\n")
            self.assertIn("Shmbus-Error" if head else "", head)
        # Answers to calls that were never made.
        info = [json.loads(client.request("$SRV.PING")[1]) for _ in range(4)]
        for one in info:
            for token in ("0", "1", "x", "99999999999999999999"):
                client.publish(f"shmbus.reply.{one['id']}.{token}", b"", b"Shmbus-Go-On: $SYS.x\r\n")
                client.publish(f"shmbus.reply.{one['id']}.{token}", b"x", b"Shmbus-Size: 5\r\nShmbus-At: 9\r\n")
                client.publish(f"shmbus.pong.{one['id']}.{token}", b"x", b"Shmbus-Sent: " + big + b"\r\n")
        self.assertEqual(self.a.call("work.add", {"id": 7, "deadline_ns": 0, "ms": 0}), {"id": 7, "machine": "b"})
        self.assertIsNone(self.a.bridge.process.poll())
        self.assertIsNone(self.b.bridge.process.poll())

    def test_the_parts_of_a_request_are_published_to_no_foreign_subject(self):
        client = self.nats()
        client.subscribe(">")
        client.publish("shmbus.hello", json.dumps(
            {"v": 1, "id": "far", "machine": "far", "epoch": "1", "names": [{"name": "far.sink"}]}).encode())
        self.a.sees("far.sink", "bridge:far")
        caller = Program(BIN / "peer_bridge_fleet", "echo", self.a.bus, 1_200_000, "far.sink",
                         log=self.path("caller"), stdout=subprocess.PIPE, text=True)
        self.addCleanup(caller.end)
        large = {}
        while "shmbus.stream.far.1" not in large:
            subject, reply, _, body = client.receive()
            if len(body) > 100_000:
                large[subject] = len(body)
            if subject == "shmbus.call.far.sink":
                inbox = reply
                for one in ("elsewhere", "shmbus", "shmbus.hello", "shmbus.streams.far.1", "shmbus.call.work.add",
                            "shmbus.stream.", "shmbus.stream.>", "shmbus.stream.*.1", "shmbus.stream..1",
                            "shmbus.stream.far.1 x", "$SYS.x", "shmbus.stream.far.1"):
                    client.publish(reply, b"", b"Shmbus-Go-On: " + one.encode() + b"\r\n")
        self.assertEqual(set(large), {"shmbus.call.far.sink", "shmbus.stream.far.1"})
        self.assertEqual(sum(large.values()), 1_200_000)
        client.publish(inbox, b"no room", b"Shmbus-Error: rejected\r\nShmbus-Code: 3\r\n")
        self.assertEqual(caller.process.stdout.readline(), "rejected no room\n")

    def test_requests_in_parts_are_limited_in_number_and_size(self):
        client = self.nats()
        headers = b"Shmbus-Schema: 0\r\nShmbus-Left: 60000000000\r\nShmbus-Size: "
        head, _ = client.request("shmbus.call.bytes.echo", b"", headers + b"1000000000000\r\n")
        self.assertIn("Shmbus-Error: too_large", head)
        self.assertIn("Shmbus-Never-Ran: 1", head)
        self.assertNotIn("Shmbus-Needed", head)  # that is of the reply
        answers = [client.request("shmbus.call.bytes.echo", b"", headers + b"1\r\n")[0] for _ in range(1025)]
        for head in answers[:1024]:
            self.assertIn("Shmbus-Go-On: shmbus.stream.", head)
        self.assertIn("Shmbus-Error: overloaded", answers[1024])
        self.assertIn("Shmbus-Never-Ran: 1", answers[1024])

    def test_calls_that_wait_for_a_clock_are_limited_in_bytes(self):
        self.b.bridge.end(signal.SIGTERM)
        self.b.start_bridge_with({"servers": self.urls}, export=["*"], limits={"in_parts": "512K"})
        self.a.sees(NAMES, "bridge:b")
        head, body = self.nats().request("shmbus.call.bytes.echo", b"x" * 600_000,
                                         b"Shmbus-Schema: 0\r\nShmbus-From: nowhere\r\nShmbus-Sent: 1\r\n")
        self.assertIn("Shmbus-Error: overloaded", head)
        self.assertEqual(body, b"too many calls wait")

    def test_a_bridge_that_ends_finishes_calls_with_json(self):
        client = self.nats()
        inbox = client.ask("shmbus.call.work.add", b'{"id":3,"deadline_ns":0,"ms":500}')
        self.assertTrue(eventually(self.entries))
        self.b.bridge.process.send_signal(signal.SIGTERM)
        head, body = client.answer(inbox)
        self.assertEqual(body, b'{"id":3,"machine":"b"}', head)
        self.assertEqual(self.b.bridge.end(signal.SIGCONT), 0)

    def test_other_types_are_named(self):
        head, body = self.nats().request("shmbus.call.work.add", b"x" * 24, b"Shmbus-Schema: 12ab\r\n")
        self.assertIn("type_mismatch", head)
        self.assertIn(b"12ab", body)

    def test_a_call_that_was_here_before_is_refused(self):
        head, body = self.nats().request("shmbus.call.who.am.i", b"",
                                         b"Shmbus-Schema: 0\r\nShmbus-Path: x,b\r\n")
        self.assertIn("not_permitted", head)
        self.assertIn(b"loop", body)

    def test_the_engines_tools_see_the_service(self):
        client = self.nats()
        _, body = client.request("$SRV.INFO.shmbus")
        self.assertEqual(json.loads(body)["type"], "io.nats.micro.v1.info_response")
        ids = {}
        self.assertTrue(eventually(lambda: ids.update(
            (ping["metadata"]["machine"], ping["id"])
            for ping in [json.loads(client.request("$SRV.PING")[1])]) or len(ids) == 2))
        self.assertEqual(set(ids), {"a", "b"})
        client.request("shmbus.call.work.add", b'{"id":3,"deadline_ns":0,"ms":0}')
        stats = json.loads(client.request(f"$SRV.STATS.shmbus.{ids['b']}")[1])
        self.assertEqual(stats["type"], "io.nats.micro.v1.stats_response")
        counts = {e["name"]: (e["num_requests"], e["num_errors"]) for e in stats["endpoints"]}
        self.assertEqual(counts["work.add"], (1, 0))

    def test_nothing_crosses_that_is_not_allowed(self):
        c = Machine(self, "c")
        c.tool("init")
        c.start_bridge("--import", "who.*")
        c.sees("who.am.i", "bridge:b")
        self.assertIsNone(c.served("work.add"))
        self.b.bridge.end(signal.SIGTERM)
        self.b.start_bridge("--export", "bad.*")
        self.a.sees("bad.refuse", "bridge:b")
        self.assertTrue(eventually(lambda: self.a.served("work.add") is None))
        head, _ = self.nats().request("shmbus.call.work.add", b"{}")
        self.assertIn("503", head)

    def test_imported_names_are_not_passed_on(self):
        self.a.bridge.end(signal.SIGTERM)
        self.a.start_bridge("--import", "*", "--export", "*")
        self.a.sees("work.add", "bridge:b")
        self.b.bridge.end(signal.SIGTERM)
        self.b.start_bridge("--import", "*", "--export", "*")
        self.a.sees("work.add", "bridge:b")
        self.handlers.end()
        self.assertTrue(eventually(lambda: self.a.served("work.add") is None))
        self.assertTrue(eventually(lambda: self.b.served("work.add") is None))
        self.assertIn("not_registered", self.a.peer("error", "work.add"))

    def test_a_bridge_without_its_engine_refuses_and_comes_back(self):
        self.engines[0].end()
        self.assertTrue(eventually(lambda: "the engine is away" in self.a.bridge.text()))
        self.assertIn("not_registered 0 unstarted", self.a.peer("error", "bad.refuse"))
        self.start_engine(0)
        self.assertTrue(eventually(
            lambda: self.a.peer("error", "bad.refuse").startswith("rejected -17")))


class SmallMessages(FleetCase):
    servers = 0

    def test_a_server_that_takes_small_messages(self):
        port, _ = start_server(self, "max_payload: 1024")
        a, b = Machine(self, "a"), Machine(self, "b")
        b.serve()
        a.tool("init")
        url = f"nats://127.0.0.1:{port}"
        b.start_bridge("--export", "*", server=url)
        a.start_bridge("--import", "*", server=url)
        a.sees(NAMES, "bridge:b")  # their list is larger than a message
        for size in (511, 512, 513, 5000):
            self.assertEqual(a.peer("echo", size), "same", a.bridge.text())
        client = Nats(port)
        self.addCleanup(client.close)
        head, body = client.request("shmbus.call.text.long")
        self.assertIn("Shmbus-Error: too_large", head)
        self.assertIn("Shmbus-Needed: 20", head)  # 2,000 characters in quotes, or a few more
        self.assertNotIn("Shmbus-Never-Ran", head)
        self.assertIn(b"JSON", body)
        self.assertEqual(len(a.call("text.long")), 2000)


if __name__ == "__main__":
    main()
