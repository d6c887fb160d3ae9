"""The connection of a bridge to the engine: pings, TLS, and each kind of credentials."""
import base64
import binascii
import collections
import json
import pathlib
import re
import subprocess

from fleet_case import BIN, FleetCase, Machine, Program, eventually, main, start_server

ENOUGH = 4  # pings on one connection; libnats gives a connection up after two that had no answer


def openssl(*words, given=None):
    return subprocess.run(["openssl", *map(str, words)], input=given, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class Certificates:
    """An authority, and certificates that it has signed."""

    def __init__(self, case):
        self.case = case
        self.ca = self.make("ca", "CN=test authority")

    def make(self, name, subject, *options):
        file = pathlib.Path(self.case.path(f"{name}.pem"))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", 2, "-subj", f"/{subject}", "-keyout", file.with_suffix(".key"), "-out", file, *options)
        return file

    def sign(self, name, host):
        return self.make(name, f"CN={name}", "-CA", self.ca, "-CAkey", self.ca.with_suffix(".key"),
                         "-addext", f"subjectAltName=DNS:{host}")


class Key:
    """An NKEY: Ed25519, as text with a letter for its kind and a checksum."""
    KINDS = {"O": 14 << 3, "A": 0, "U": 20 << 3}
    SEED = 18 << 3

    def __init__(self, case, kind):
        self.file = pathlib.Path(case.path(f"{kind}.der"))
        self.message = pathlib.Path(case.path("message"))
        prefix = self.KINDS[kind]
        self.file.write_bytes(openssl("genpkey", "-algorithm", "ed25519", "-outform", "DER"))
        public = openssl("pkey", "-inform", "DER", "-in", self.file, "-pubout", "-outform", "DER")[-32:]
        self.public = self.text(bytes([prefix]) + public)
        self.seed = self.text(bytes([self.SEED | prefix >> 5, (prefix & 31) << 3]) + self.file.read_bytes()[-32:])

    @staticmethod
    def text(raw):
        return base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")

    def token(self, subject, name, claims):
        """A JWT about another key, signed with this one."""
        def encoded(value):
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            return base64.urlsafe_b64encode(raw).decode().rstrip("=")
        text = encoded({"typ": "JWT", "alg": "ed25519-nkey"}) + "." + encoded(
            {"jti": name, "iat": 1_700_000_000, "iss": self.public, "name": name, "sub": subject,
             "nats": {**claims, "version": 2}})
        self.message.write_text(text)
        signed = openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", self.file, "-in", self.message)
        return f"{text}.{encoded(signed)}"


class Connection(FleetCase):
    servers = 0

    def pings(self, server, line):
        """How many lines of that kind the server's trace has, by connection."""
        return collections.Counter(re.findall(rf"cid:(\d+) - .*{re.escape(line)}", server.text()))

    def idle(self, server):
        port, engine = server
        return engine, Program(BIN / "peer_bridge_idle", f"nats://127.0.0.1:{port}",
                               log=self.path(f"idle-{port}"), stdout=subprocess.DEVNULL)

    def test_an_idle_connection_sends_its_pings_and_answers_the_servers(self):
        # Where the server pings often, its answers would carry what lies unwritten: two servers.
        cases = [(*self.idle(start_server(self, 'ping_interval: "1h"', "-V")), "<<- [PING]"),
                 (*self.idle(start_server(self, 'ping_interval: "300ms"', "-V")), "<<- [PONG]")]
        for _, client, _ in cases:
            self.addCleanup(client.end)
        for engine, client, line in cases:
            self.assertTrue(eventually(
                lambda: max(self.pings(engine, line).values(), default=0) > ENOUGH or
                "connection 2" in client.text()), engine.text())
            self.assertEqual(client.text(), "connection 1\n", engine.text())
            self.assertEqual(len(self.pings(engine, line)), 1, engine.text())

    def two_machines(self, engine):
        """A call from one to the other, through that engine."""
        a, b = Machine(self, "a"), Machine(self, "b")
        b.serve()
        a.tool("init")
        b.start_bridge_with(engine, export=["*"])
        a.start_bridge_with(engine, **{"import": ["*"]})
        a.sees("work.add", "bridge:b")
        self.assertEqual(a.call("work.add", {"id": 7, "deadline_ns": 0, "ms": 0}), {"id": 7, "machine": "b"})
        self.assertEqual(a.peer("echo", 1_200_000), "same")

    def refused(self, server, engine, words):
        """The bridge tries, the server logs why it refuses; there is no connection."""
        c = Machine(self, f"c{len(self._cleanups)}")
        bridge = c.start_bridge_with(engine)
        seen = len(server.text())
        self.assertTrue(eventually(lambda: re.search(words, server.text()[seen:])),
                        server.text() + bridge.text())
        if "authentication" in words:  # it ends, for systemd to start it again
            self.assertEqual(bridge.process.wait(30), 1, bridge.text())
            self.assertIn("the servers refuse the credentials", bridge.text())
        bridge.end()
        self.assertNotIn(" connected ", bridge.text())

    def test_tls_with_certificates_of_both_sides(self):
        made = Certificates(self)
        server, client = made.sign("server", "localhost"), made.sign("client", "client.test")
        other = made.sign("other", "elsewhere.test")

        def settings(file):
            return (f'tls {{ cert_file: "{file}", key_file: "{file.with_suffix(".key")}", '
                    f'ca_file: "{made.ca}", verify: true }}')
        port, program = start_server(self, settings(server))
        url = f"nats://localhost:{port}"
        engine = {"servers": [url], "tls": True, "tls_ca": str(made.ca), "tls_certificate": str(client),
                  "tls_key": str(client.with_suffix(".key"))}
        self.two_machines(engine)
        alone = {key: value for key, value in engine.items() if "certificate" not in key and "key" not in key}
        self.refused(program, alone, "TLS handshake error")
        self.refused(program, {**engine, "tls_ca": str(self.foreign(made))}, "TLS handshake error")
        port, program = start_server(self, settings(other))
        self.refused(program, {**engine, "servers": [f"nats://localhost:{port}"]}, "TLS handshake error")

    @staticmethod
    def foreign(made):
        return made.make("foreign", "CN=another authority")

    def test_user_and_password(self):
        port, program = start_server(self, 'authorization { user: fleet, password: "open sesame" }')
        engine = {"servers": [f"nats://127.0.0.1:{port}"], "user": "fleet", "password": "open sesame"}
        self.two_machines(engine)
        self.refused(program, {**engine, "password": "wrong"}, "authentication error")

    def test_token(self):
        port, program = start_server(self, 'authorization { token: "open-sesame" }')
        engine = {"servers": [f"nats://127.0.0.1:{port}"], "token": "open-sesame"}
        self.two_machines(engine)
        self.refused(program, {**engine, "token": "wrong"}, "authentication error")

    def test_credentials(self):
        operator, account, user = Key(self, "O"), Key(self, "A"), Key(self, "U")
        limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
        of_account = operator.token(account.public, "fleet", {
            "type": "account", "limits": {**limits, "wildcards": True}, "default_permissions": {"pub": {}, "sub": {}}})
        port, program = start_server(self, f"""
            operator: {operator.token(operator.public, "test", {"type": "operator"})}
            resolver: MEMORY
            resolver_preload: {{ {account.public}: {of_account} }}""")
        claims = {"type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1}

        def credentials(name, signer):
            file = pathlib.Path(self.path(f"{name}.creds"))
            file.write_text(f"-----BEGIN NATS USER JWT-----\n{signer.token(user.public, name, claims)}\n"
                            f"------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{user.seed}\n"
                            "------END USER NKEY SEED------\n")
            return {"servers": [f"nats://127.0.0.1:{port}"], "credentials": str(file)}
        self.two_machines(credentials("good", account))
        self.refused(program, credentials("bad", Key(self, "A")), "authentication error")


if __name__ == "__main__":
    main()
