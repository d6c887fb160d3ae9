"""Calls from one machine to another: values, errors, deadlines, cancellation, what is allowed."""
import json
import signal
import socket

from fleet_case import BIN, FleetCase, Machine, Program, eventually, main


class Nats:
    """As much of the engine's protocol as a test needs."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.socket.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
        self.next = 0

    def publish(self, subject, body, headers=b""):
        head = b"NATS/1.0\r\n" + headers + b"\r\n" if headers else b""
        verb = f"HPUB {subject} {len(head)} {len(head) + len(body)}" if head else f"PUB {subject} {len(body)}"
        self.socket.sendall(f"{verb}\r\n".encode() + head + body + b"\r\n")

    def request(self, subject, body=b"", headers=b""):
        self.next += 1
        inbox = f"_INBOX.test.{self.next}"
        head = b"NATS/1.0\r\n" + headers + b"\r\n" if headers else b""
        verb = f"HPUB {subject} {inbox} {len(head)} {len(head) + len(body)}" if head else \
            f"PUB {subject} {inbox} {len(body)}"
        self.socket.sendall(f"SUB {inbox} {self.next}\r\n{verb}\r\n".encode() + head + body + b"\r\n")
        while True:
            line = self.file.readline().split()
            if line[0] in (b"MSG", b"HMSG"):
                data = self.file.read(int(line[-1]) + 2)[:-2]
                if line[1] != inbox.encode():
                    continue  # one more answer to an earlier request
                size = int(line[-2]) if line[0] == b"HMSG" else 0
                return data[:size].decode(), data[size:]
            if line[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")

    def close(self):
        self.file.close()
        self.socket.close()


NAMES = ("bad.die", "bad.nested", "bad.refuse", "bytes.echo", "who.am.i", "work.add", "work.cancelled")


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
        # Answers to calls that were never made, and one that asks to publish elsewhere.
        info = [json.loads(client.request("$SRV.PING")[1]) for _ in range(4)]
        for one in info:
            for token in ("0", "1", "x", "99999999999999999999"):
                client.publish(f"shmbus.reply.{one['id']}.{token}", b"", b"Shmbus-Go-On: $SYS.x\r\n")
                client.publish(f"shmbus.reply.{one['id']}.{token}", b"x", b"Shmbus-Size: 5\r\nShmbus-At: 9\r\n")
                client.publish(f"shmbus.pong.{one['id']}.{token}", b"x", b"Shmbus-Sent: " + big + b"\r\n")
        self.assertEqual(self.a.call("work.add", {"id": 7, "deadline_ns": 0, "ms": 0}), {"id": 7, "machine": "b"})
        self.assertIsNone(self.a.bridge.process.poll())
        self.assertIsNone(self.b.bridge.process.poll())

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


if __name__ == "__main__":
    main()
