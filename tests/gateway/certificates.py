#!/usr/bin/env python3
"""Certificates of clients: whose they are, which are refused, and what a reload changes."""
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import tempfile
import unittest

from gateway_case import BIN, ENV, GatewayCase, eventually, main

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def token_hash(token):
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@unittest.skipUnless(shutil.which("openssl"), "openssl is not there")
class Certificates(GatewayCase):
    """Clients that show certificates: two authorities, of which the gateway knows one."""

    listen = ("  - tcp: 127.0.0.1:0\n"
              "    tls: {certificate: FOLDER/server.pem, key: FOLDER/server.key, "
              "clients: FOLDER/ca.pem}\n")
    config = f"""principals:
  shop: {{certificates: ["cn:shop"], call: '*'}}
  host: {{certificates: ["dns:stock.example"], call: math.add}}
  exact: {{certificates: [DIGEST], call: '*'}}
  token: {{tokens: ["{token_hash('good')}"], call: '*'}}
"""

    @classmethod
    def setUpClass(cls):
        cls.certificates = tempfile.TemporaryDirectory(prefix="shmbus-certificates-")
        cls.addClassCleanup(cls.certificates.cleanup)
        for name in "ca", "others", "server":
            openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout",
                    cls.file(name + ".key"), "-out", cls.file(name + ".pem"), "-addext",
                    "subjectAltName=IP:127.0.0.1")
        cls.issue("shop", "ca")
        cls.issue("stock", "ca", "subjectAltName=email:a@b.c,DNS:stock.example")
        cls.issue("digest", "ca")
        cls.issue("nobody", "ca")
        cls.issue("forged", "others", subject="shop")
        cls.issue("server-only", "ca", "extendedKeyUsage=serverAuth", subject="shop")
        cls.issue("old", "ca", subject="shop", days="-1")
        der = ssl.PEM_cert_to_DER_cert(pathlib.Path(cls.file("digest.pem")).read_text())
        cls.config = cls.config.replace("DIGEST", f'"sha256:{hashlib.sha256(der).hexdigest()}"')
        cls.listen = cls.listen.replace("FOLDER", cls.certificates.name)

    @classmethod
    def file(cls, name):
        return os.path.join(cls.certificates.name, name)

    @classmethod
    def issue(cls, name, by, extension="basicConstraints=CA:FALSE", subject=None, days="2"):
        at = cls.file(name)
        pathlib.Path(at + ".ext").write_text(extension + "\n")
        openssl("req", *NEW_KEY, "-subj", f"/CN={subject or name}", "-keyout",
                at + ".key", "-out", at + ".csr")
        openssl("x509", "-req", "-in", at + ".csr", "-CA", cls.file(by + ".pem"), "-CAkey",
                cls.file(by + ".key"), "-CAcreateserial", "-days", days, "-extfile", at + ".ext",
                "-out", at + ".pem")

    def connect(self, name=None):
        context = ssl.create_default_context(cafile=self.file("server.pem"))
        if name:
            context.load_cert_chain(self.file(name + ".pem"), self.file(name + ".key"))
        client = http.client.HTTPSConnection(*self.address, context=context, timeout=20)
        self.addCleanup(client.close)
        return client

    def secure(self, client, command, value, **fields):
        client.request("POST", "/call/" + command, json.dumps(value), fields)
        answer = client.getresponse()
        body = answer.read()
        return answer.status, json.loads(body)

    def add(self, name=None, **fields):
        return self.secure(self.connect(name), "math.add", {"a": 1, "b": 2}, **fields)

    def test_who_is_behind_a_certificate(self):
        for name, label in (("shop", "shop"), ("digest", "exact")):
            status, caller = self.secure(self.connect(name), "who.am.i", None)
            self.assertEqual((status, caller["label"]), (200, label))
        self.assertEqual(self.add("stock"), (200, 3))
        self.assertEqual(self.secure(self.connect("stock"), "who.am.i", None)[0], 403)
        # One that is nobody's, and none: what a token says still counts, and goes first.
        for name in "nobody", None:
            self.assertEqual(self.add(name)[0], 401)
            self.assertEqual(self.add(name, Authorization="Bearer good"), (200, 3))
        self.assertEqual(self.add("shop", Authorization="Bearer bad")[0], 401)

    def test_certificates_that_prove_nothing(self):
        for name in "forged", "server-only", "old":
            with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected),
                                   msg=name):
                self.add(name)
        self.assertEqual(self.add("shop"), (200, 3))

    def test_a_certificate_is_taken_back_and_needed_live(self):
        client = self.connect("shop")
        self.assertEqual(self.secure(client, "math.add", {"a": 1, "b": 2}), (200, 3))
        # The same address with another setting, and another name of the principal.
        self.listen = self.listen.replace("ca.pem}", "ca.pem, need_certificate: true}")
        self.write_config(self.config.replace("cn:shop", "cn:another"))
        self.reload()
        self.assertEqual(self.secure(client, "math.add", {"a": 1, "b": 2})[0], 401)
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            self.add(None, Authorization="Bearer good")
        self.assertEqual(self.add("nobody", Authorization="Bearer good"), (200, 3))
        self.assertEqual(self.add("stock"), (200, 3))

    def reload(self):
        self.gateway.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually(lambda: "configuration read anew" in self.gateway.text()),
                        self.gateway.text())

    def test_settings_that_are_wrong(self):
        for old, new, why in (
                ("/ca.pem}", "/none.pem}", "for clients' certificates"),
                ("clients: ", "need_certificate: true, x: ", "need_certificate takes clients"),
        ):
            listen = self.listen
            self.listen = listen.replace(old, new)
            out = subprocess.run([str(BIN / "shmbus-gateway"), "--config",
                                  self.write_config(self.config)], capture_output=True, text=True,
                                 env=ENV, timeout=30)
            self.listen = listen
            self.assertEqual(out.returncode, 1)
            self.assertIn(why, out.stderr)
        for name in "shop", "cn:", "sha256:12", "ip:1.2.3.4":
            config = self.write_config(self.config.replace("cn:shop", name))
            out = subprocess.run([str(BIN / "shmbus-gateway"), "--config", config, "--check"],
                                 capture_output=True, text=True, env=ENV, timeout=30)
            self.assertEqual(out.returncode, 1)
            self.assertIn("a certificate is given as", out.stderr)


if __name__ == "__main__":
    main()
