#!/usr/bin/env python3
"""Who may: principals by token, by uid and anonymous; allow lists; rates; what the log says; the
configuration, its errors and its reload; Unix sockets, TLS, sockets of systemd."""
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

from gateway_case import BIN, ENV, GatewayCase, Program, Raw, eventually, main


def token_hash(token):
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


class Tokens(GatewayCase):
    config = f"""principals:
  shop:
    tokens: ["{token_hash('good')}"]
    call: ["math.*", who.am.i]
    events: price.changed
  notes: {{tokens: ["{token_hash('other')}"], send: note.add, describe: false}}
"""

    def test_deny_by_default(self):
        for fields in {}, {"Authorization": "Bearer bad"}, {"Authorization": "Basic good"}, \
                {"Authorization": "good"}, {"Authorization": "Bearer "}:
            status, got, body = self.ask("POST", "/call/math.add", '{"a":1,"b":2}', **fields)
            self.assertEqual((status, got["www-authenticate"]), (401, "Bearer"))
            self.assertNotIn("bad", self.gateway.text())
        for path in "/openapi.json", "/events/price.changed":
            self.assertEqual(self.ask("GET", path)[0], 401)

    def test_allow_lists(self):
        good = {"Authorization": "Bearer good"}
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2}, **good), (200, 3))
        self.assertEqual(self.call("who.am.i", None, **good)[1]["label"], "shop")
        for method, path in (("POST", "/call/user.create"), ("POST", "/send/math.add"),
                             ("GET", "/events/other"), ("POST", "/call/no.such"),
                             ("POST", "/call/math.add%2F..")):
            status, _, body = self.ask(method, path, "{}" if method == "POST" else None, **good)
            self.assertIn((status, path), [(403, path), (404, "/call/math.add%2F..")])
        status, _, _ = self.ask("POST", "/", "{}", X_Command="user.create", **good)
        self.assertEqual(status, 403)
        other = {"Authorization": "bearer other"}
        self.assertEqual(self.ask("POST", "/send/note.add", '{"ms":1}', **other)[0], 202)
        self.assertEqual(self.ask("GET", "/openapi.json", **other)[0], 403)

    def test_a_line_for_each_refusal(self):
        self.ask("POST", "/call/user.create%22%20x=y", "{}", Authorization="Bearer good")
        line = eventually(lambda: [x for x in self.gateway.text().splitlines() if "refused" in x])[0]
        self.assertIn("principal=shop status=403 method=POST", line)
        self.assertIn(r'name="user.create\" x=y"', line)
        self.assertIn("peer=127.0.0.1:", line)

    def test_two_credentials(self):
        client = self.raw().send(b"POST /call/math.add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                                 b"Authorization: Bearer good\r\nAuthorization: Bearer x\r\n\r\n")
        self.assertEqual(client.answer()[0], 400)

    def test_a_new_token(self):
        out = subprocess.run([str(BIN / "shmbus-gateway"), "--new-token"], check=True,
                             capture_output=True, text=True).stdout.split()
        self.assertEqual(out[1], token_hash(out[0]))
        self.assertGreaterEqual(len(out[0]), 32)


class Rates(GatewayCase):
    config = ("principals:\n  slow: {anonymous: true, call: '*', events: '*', rate: 0.5, burst: 3}\n"
              f"  few: {{tokens: ['{token_hash('few')}'], call: '*', events: '*', concurrent: 2}}\n")

    def test_rate(self):
        got = [self.ask("POST", "/call/math.add", '{"a":1,"b":2}')[0] for _ in range(5)]
        self.assertEqual(got[:3], [200] * 3)
        self.assertIn(429, got[3:])
        status, fields, _ = self.ask("POST", "/call/math.add", '{"a":1,"b":2}')
        self.assertIn(fields["retry-after"] or status, ("1", "2", "3", 200))

    def test_concurrency(self):
        few = b"Authorization: Bearer few\r\n"
        open_ones = [self.raw().send(b"GET /events/price.changed HTTP/1.1\r\nHost: localhost\r\n" + few +
                                     b"\r\n") for _ in range(2)]
        for one in open_ones:
            one.until(b"id: ")
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2}, Authorization="Bearer few")[0], 429)
        open_ones[0].close()
        self.assertTrue(eventually(lambda: self.call(
            "math.add", {"a": 1, "b": 2}, Authorization="Bearer few") == (200, 3)))


class Hosts(GatewayCase):
    """A page that gives its own name this machine's address (DNS rebinding) has that name in Host."""
    config = f"""hosts: [Shop.example, "*.shop.example"]
principals:
  any: {{anonymous: true, call: '*', events: '*', inspect: true}}
  known: {{tokens: ["{token_hash('good')}"], call: '*'}}
"""

    def add(self, **fields):
        return self.ask("POST", "/call/math.add", '{"a":1,"b":2}', **fields)[0]

    def test_names_of_the_gateway(self):
        for host in ("127.0.0.1", "127.0.0.1:80", "[::1]:8080", "192.168.1.7", "LocalHost:1", "localhost.",
                     "shop.example", "SHOP.example:443", "a.shop.example"):
            with self.subTest(host=host):
                self.assertEqual(self.add(Host=host), 200)
                self.assertEqual(self.add(Host=host, Origin="http://" + host), 200)

    def test_other_names(self):
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example",
                     "shop.example.evil.example", "evilshop.example", "1.2.3", "[::1", "[evil]", ":80", ""):
            with self.subTest(host=host):
                self.assertEqual(self.add(Host=host, Origin="http://" + host), 421)
        for method, path in (("POST", "/send/math.add"), ("GET", "/events/price.changed"), ("POST", "/mcp"),
                             ("GET", "/openapi.json"), ("GET", "/api/overview"), ("GET", "/api/live"),
                             ("GET", "/metrics")):
            with self.subTest(path=path):
                self.assertEqual(self.ask(method, path, Host="evil.example")[0], 421)
        self.assertIn("status=421", self.gateway.text())
        # A page has no token of another site; the files of the page are no secret.
        self.assertEqual(self.add(Host="evil.example", Authorization="Bearer good"), 200)
        self.assertEqual(self.add(Host="evil.example", Authorization="Bearer bad"), 401)
        self.assertEqual(self.ask("GET", "/", Host="evil.example")[0], 200)

    def test_a_client_without_a_host(self):
        client = self.raw().send(b"POST /call/math.add HTTP/1.0\r\nContent-Length: 13\r\n\r\n"
                                 b'{"a":1,"b":2}')
        self.assertEqual(client.answer()[0], 200)

    def test_pages_of_other_sites(self):
        for fields in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                       {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "image"},
                       {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "cross-site"},
                       {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "iframe"}):
            with self.subTest(fields=fields):
                self.assertEqual(self.ask("GET", "/openapi.json", **fields)[0], 403)
        for fields in ({"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"},
                       {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"}):  # a link
            with self.subTest(fields=fields):
                self.assertEqual(self.ask("GET", "/openapi.json", **fields)[0], 200)


class UnixSocket(GatewayCase):
    listen = "  - tcp: 127.0.0.1:0\n  - unix: FOLDER/socket\n"
    config = f"principals:\n  me: {{uids: [{os.getuid()}], call: '*'}}\n"

    def test_who_is_at_a_unix_socket(self):
        body = b'{"a": 1, "b": 2}'
        client = self.raw(self.path("socket"))
        client.send(b"POST /call/math.add HTTP/1.1\r\nHost: any\r\nContent-Length: 16\r\n\r\n" + body)
        self.assertEqual(client.answer()[0::2], (200, b"3\n"))
        self.assertEqual(self.ask("POST", "/call/math.add", body)[0], 401)
        # A wrong token is not made good by the uid.
        client.send(b"POST /call/math.add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n"
                    b"Authorization: Bearer x\r\n\r\n" + body)
        self.assertEqual(client.answer()[0], 401)


@unittest.skipUnless(shutil.which("openssl"), "openssl is not there")
class Tls(GatewayCase):
    listen = ("  - tcp: 127.0.0.1:0\n  - tcp: 127.0.0.1:0\n"
              "    tls: {certificate: FOLDER/cert.pem, key: FOLDER/key.pem}\n")
    config = "principals:\n  any: {anonymous: true, call: '*'}\n"

    def start_gateway(self, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", self.path("key.pem"), "-out",
                        self.path("cert.pem"), "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        program = super().start_gateway(*more)
        self.ports = [int(x.rsplit(":", 1)[1]) for x in program.text().split()
                      if x.startswith("at=127")]
        return program

    def test_tls(self):
        context = ssl.create_default_context(cafile=self.path("cert.pem"))
        client = http.client.HTTPSConnection("127.0.0.1", self.ports[1], context=context, timeout=20)
        for size in (0, 100, 200_000):
            client.request("POST", "/call/text.count", json.dumps({"id": 1, "body": "x" * size}))
            got = client.getresponse()
            self.assertEqual((got.status, int(got.read())), (200, size))
        client.close()
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            old = ssl.create_default_context(cafile=self.path("cert.pem"))
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            old.wrap_socket(socket.create_connection(("127.0.0.1", self.ports[1])),
                            server_hostname="127.0.0.1")
        plain = Raw(("127.0.0.1", self.ports[1])).send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertNotIn(b"HTTP", plain.all())
        plain.close()
        self.assertEqual(self.ask("GET", "/health")[0], 200)


class Systemd(GatewayCase):
    listen = "  - systemd: web\n"
    config = "principals:\n  any: {anonymous: true, call: '*'}\n"

    def start_gateway(self, *more, host="127.0.0.1"):
        """As systemd does: a socket as descriptor 3, and variables that name it."""
        self.socket = socket.create_server((host, 0))
        self.addCleanup(self.socket.close)
        self.address = self.socket.getsockname()
        command = ('exec 3<&%d; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$0" --config "$1"'
                   % self.socket.fileno())
        program = Program("bash", "-c", command, BIN / "shmbus-gateway",
                          self.write_config(self.config), log=self.path("log"),
                          pass_fds=[self.socket.fileno()])
        self.addCleanup(program.end)
        return program

    def test_a_socket_of_systemd(self):
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2}), (200, 3))
        self.assertIn("systemd:web", self.gateway.text())

    def test_one_that_other_machines_reach_needs_tls(self):
        open_one = self.start_gateway(host="0.0.0.0")
        self.assertEqual(open_one.process.wait(30), 1)
        self.assertIn("give it tls, or say plain: true", open_one.text())
        self.listen = "  - {systemd: web, plain: true}\n"
        self.start_gateway(host="0.0.0.0")
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2})[0], 200)


class Configuration(GatewayCase):
    config = "principals:\n  any: {anonymous: true, call: 'math.*'}\n"

    def check(self, text):
        pathlib.Path(self.path("other.yaml")).write_text(text)
        ran = subprocess.run([str(BIN / "shmbus-gateway"), "--check", "--config",
                              self.path("other.yaml")], capture_output=True, text=True, env=ENV)
        return ran.returncode, ran.stderr

    def test_check_names_lines(self):
        head = "bus: x\nlisten: [{tcp: '127.0.0.1:0'}]\n"
        self.assertEqual(self.check(head), (0, ""))
        for text, line, words in (
                (head + "lissten: 1\n", 3, "did you mean 'listen'"),
                (head + "limits:\n  body: much\n", 4, "'body' takes a size"),
                (head + "limits:\n  calls: 1\n  calls: 2\n", 5, "twice"),
                (head + "hosts: ['shop.example:80']\n", 3, "without a port"),
            (head + "principals:\n  a: {call: x}\n", 4, "nobody can be this principal"),
                (head + "principals:\n  a:\n    tokens: [abc]\n", 5, "sha256:"),
                (head + "principals:\n  a: {uids: [nobody-has-it]}\n", 4, "no user"),
                (head + "principals:\n  a: {anonymous: true}\n  b: {anonymous: true}\n", 1, "two"),
                ("bus: x\nlisten: [{tcp: '0.0.0.0:80'}]\n", 2, "tls"),
                ("bus: x\nlisten: [{tcp: 'a:1', unix: b}]\n", 2, "one of tcp"),
                ("bus: x\n", 1, "nothing to listen at"),
                ("bus: [\n", 2, ""), ("- x\n", 1, "map"), ("\x1b[2J: y\n", 1, "")):
            code, said = self.check(text)
            self.assertEqual(code, 1, text)
            self.assertIn(f"other.yaml:{line}: ", said)
            self.assertIn(words, said)
            self.assertNotIn("\x1b", said)

    def reload(self, text, said):
        before = self.gateway.text().count(said)
        self.write_config(text)
        self.gateway.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually(lambda: self.gateway.text().count(said) > before))

    def test_reload(self):
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2}), (200, 3))
        self.assertEqual(self.call("who.am.i")[0], 403)
        kept = self.raw()
        ask = b'POST /call/math.add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\n{"a":1,"b":2}'
        self.assertEqual(kept.send(ask).answer()[0], 200)
        slow = self.raw()
        self.reload(self.config.replace("math.*", "*"), "read anew")
        self.assertEqual(self.call("who.am.i")[0], 200)
        self.assertEqual(kept.send(ask).answer()[0], 200)  # the connection goes on
        slow.send(b'POST /call/slow.sleep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n'
                  b'{"ms": 500}')
        self.assertTrue(eventually(lambda: self.call("slow.started")[1] == 1))
        self.reload(self.config.replace("math.*", "who.*"), "read anew")
        self.assertEqual(slow.answer()[0], 200)  # and so does what is under way
        self.assertEqual(self.call("math.add", {"a": 1, "b": 2})[0], 403)
        self.reload("nonsense: 1\n", "stays in effect")
        self.assertEqual(self.call("who.am.i")[0], 200)


if __name__ == "__main__":
    main()
