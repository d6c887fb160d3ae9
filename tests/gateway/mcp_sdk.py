#!/usr/bin/env python3
"""The official SDK of MCP as a client. Skipped where it is not there: scripts/mcp-sdk fetches it."""
import os
import pathlib
import shutil
import subprocess
import sys

from gateway_case import BIN, ENV, GatewayCase, main

FOLDER = pathlib.Path(os.environ.get("MCP_SDK_FOLDER", BIN.resolve().parent.parent / "mcp-sdk"))
CLIENT = pathlib.Path(__file__).resolve().parent / "sdk" / "client.mjs"


class Sdk(GatewayCase):
    def client(self, *words):
        done = subprocess.run(["node", CLIENT, *words], env={**ENV, "MCP_SDK_FOLDER": str(FOLDER)},
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("all as it should be", done.stdout)

    def test_over_http(self):
        self.client("http", "http://127.0.0.1:%d/mcp" % self.address[1])

    def test_over_standard_input(self):
        self.client("stdio", str(BIN.resolve() / "shmbus-gateway"), "--mcp", "--bus", self.bus,
                    "--allow", "*")


if __name__ == "__main__":
    if not shutil.which("node") or not (FOLDER / "node_modules/@modelcontextprotocol").is_dir():
        print(f"skipped: no SDK in {FOLDER}; see scripts/mcp-sdk")
        sys.exit(77)
    main()
