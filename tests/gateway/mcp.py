#!/usr/bin/env python3
"""MCP, as a client that writes its JSON-RPC itself: over HTTP (/mcp) and over standard input."""
import json
import re
import select
import subprocess

from gateway_case import BIN, ENV, GatewayCase, eventually, main

BOTH = "application/json, text/event-stream"


def request(number, method, **params):
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def tool_call(number, tool, arguments=None, **meta):
    params = {"name": tool, "arguments": {} if arguments is None else arguments}
    if meta:
        params["_meta"] = meta
    return request(number, "tools/call", **params)


class Http(GatewayCase):
    """One message for each POST."""

    def post(self, message, **fields):
        body = message if isinstance(message, (str, bytes)) else json.dumps(message)
        fields.setdefault("Content_Type", "application/json")
        fields.setdefault("Accept", BOTH)
        return self.ask("POST", "/mcp", body, **fields)

    def ask_tool(self, message, **fields):
        """The messages that come back."""
        status, head, body = self.post(message, **fields)
        self.assertEqual(status, 200, body)
        if head["content-type"] == "application/json":
            return [json.loads(body)]
        self.assertEqual(head["content-type"], "text/event-stream")
        return [json.loads(line[6:]) for line in body.decode().splitlines()
                if line.startswith("data: ")]

    def begin(self):
        status, head, body = self.post(request(0, "initialize", protocolVersion="2025-11-25",
                                               capabilities={}, clientInfo={"name": "t"}))
        self.assertEqual(status, 200)
        self.assertEqual(self.post({"jsonrpc": "2.0", "method": "notifications/initialized"},
                                   Mcp_Session_Id=head["mcp-session-id"])[0], 202)
        return head["mcp-session-id"], json.loads(body)["result"]


class Calls(Http):
    def test_initialize_agrees_on_a_version(self):
        _, result = self.begin()
        self.assertEqual(result["protocolVersion"], "2025-11-25")
        self.assertEqual(result["capabilities"], {"tools": {}})
        self.assertEqual(result["serverInfo"]["name"], "shmbus")
        for asked, given in ("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25"):
            body = self.post(request("a", "initialize", protocolVersion=asked))[2]
            self.assertEqual(json.loads(body)["result"]["protocolVersion"], given)
            self.assertEqual(json.loads(body)["id"], "a")

    def test_the_list_has_schemas(self):
        [answer] = self.ask_tool(request(1, "tools/list"))
        tools = {t["name"]: t for t in answer["result"]["tools"]}
        user = tools["user.create"]
        self.assertEqual(user["inputSchema"]["type"], "object")
        self.assertEqual(user["inputSchema"]["required"], ["email", "plan"])
        self.assertEqual(user["outputSchema"]["properties"]["id"]["format"], "uint32")
        self.assertTrue(user["description"])
        self.assertEqual(tools["math.add"]["outputSchema"]["required"], ["value"])
        self.assertEqual(tools["slow.started"]["inputSchema"],
                         {"type": "object", "additionalProperties": False})
        self.assertIn("records", tools["rows.list"]["outputSchema"]["properties"])
        self.assertIn("records", tools["rows.sum"]["inputSchema"]["properties"])
        self.assertIn("square_x2F_of", tools)
        self.assertNotIn("price.changed", tools)

    def test_calls(self):
        cases = [
            ("user.create", {"email": "a@b.c", "plan": "paid"},
             {"id": 1, "email": "a@b.c", "plan": "paid", "scores": [0.5]}),
            ("math.add", {"a": 2, "b": 3}, {"value": 5}),
            ("square_x2F_of", {"value": -7}, {"value": 49}),
            ("square/of", {"value": 3}, {"value": 9}),
            ("slow.cancelled", {}, {"value": 0}),
            ("bytes.echo", {"text": "h\u00e9"}, {"text": "h\u00e9"}),
            ("bytes.echo", {"hex": "ff00"}, {"hex": "ff00"}),
            ("rows.list", {"ms": 2}, {"records": [{"number": 1, "text": 'row "1"'},
                                                  {"number": 2, "text": 'row "2"'}]}),
            ("rows.sum", {"records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}, {"value": 10}),
            ("rows.sum", {"records": []}, {"value": 0}),
            ("rows.echo", {"records": [{"number": 5, "text": "x"}]},
             {"records": [{"number": 5, "text": "x"}]}),
        ]
        for name, arguments, wanted in cases:
            with self.subTest(name=name, arguments=arguments):
                [answer] = self.ask_tool(tool_call(7, name, arguments))
                self.assertEqual(answer["id"], 7)
                result = answer["result"]
                self.assertNotIn("isError", result)
                self.assertEqual(result["structuredContent"], wanted)
                self.assertEqual(result["content"][0]["type"], "text")

    def test_errors_of_tools(self):
        cases = [
            ("bad.refuse", {"ms": 409}, "rejected", 409, True),
            ("math.add", {"a": 1}, "invalid_argument", 0, False),
            ("math.add", {"a": 1, "b": "x"}, "invalid_argument", 0, False),
            ("rows.sum", {"records": [{"a": 1, "b": 2}, {"a": 1}]}, "invalid_argument", 0, False),
            ("square/of", {}, "invalid_argument", 0, False),
            ("rows.list", {"ms": 1002}, "rejected", 7, True),
        ]
        for name, arguments, kind, code, ran in cases:
            with self.subTest(name=name, arguments=arguments):
                [answer] = self.ask_tool(tool_call(7, name, arguments))
                result = answer["result"]
                self.assertTrue(result["isError"])
                problem = result["_meta"]["shmbus/error"]
                self.assertEqual((problem["kind"], problem["code"], problem["may_have_run"]),
                                 (kind, code, ran))
                self.assertIn(kind, result["content"][-1]["text"])
        self.assertIn('row \\"2\\"', result["content"][0]["text"])  # what came before the rejection

    def test_errors_of_the_protocol(self):
        def code(message):
            status, _, body = self.post(message)
            self.assertIn(status, (200, 400))
            return json.loads(body)["error"]["code"]
        self.assertEqual(code("{"), -32700)
        self.assertEqual(code("[]"), -32600)
        self.assertEqual(code({"id": 1, "method": "ping"}), -32600)
        self.assertEqual(code({"jsonrpc": "2.0", "id": None, "method": "ping"}), -32600)
        self.assertEqual(code({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": 3}), -32600)
        self.assertEqual(code(request(1, "resources/list")), -32601)
        self.assertEqual(code(tool_call(1, "no.such")), -32602)
        self.assertEqual(code(tool_call(1, "")), -32602)
        self.assertEqual(code(request(1, "tools/call")), -32602)
        deep = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + "[" * 5000
        self.assertEqual(code(deep), -32700)

    def test_fields(self):
        ping = request(1, "ping")
        self.assertEqual(self.post(ping)[0], 200)
        self.assertEqual(self.post(ping, Content_Type="text/plain")[0], 415)
        self.assertEqual(self.post(ping, Accept="application/json")[0], 406)
        self.assertEqual(self.post(ping, Mcp_Protocol_Version="1999-01-01")[0], 400)
        self.assertEqual(self.post(ping, Mcp_Session_Id="nobody's")[0], 404)
        self.assertEqual(self.post(ping, Origin="http://elsewhere.example")[0], 403)
        status, head, _ = self.ask("GET", "/mcp")
        self.assertEqual((status, head["allow"]), (405, "POST, DELETE, OPTIONS"))

    def test_a_session_ends(self):
        session, _ = self.begin()
        self.assertEqual(self.post(request(1, "ping"), Mcp_Session_Id=session)[0], 200)
        self.assertEqual(self.ask("DELETE", "/mcp", Mcp_Session_Id=session)[0], 204)
        self.assertEqual(self.post(request(1, "ping"), Mcp_Session_Id=session)[0], 404)

    def test_progress_of_a_stream(self):
        messages = self.ask_tool(tool_call("x", "rows.list", {"ms": 5}, progressToken="tok"))
        progress, [last] = messages[:-1], messages[-1:]
        self.assertEqual([m["params"]["progress"] for m in progress], [1, 2, 3, 4, 5])
        self.assertEqual({m["method"] for m in progress}, {"notifications/progress"})
        self.assertEqual({m["params"]["progressToken"] for m in progress}, {"tok"})
        self.assertEqual(json.loads(progress[1]["params"]["message"])["number"], 2)
        self.assertEqual(len(last["result"]["structuredContent"]["records"]), 5)

    def test_a_long_stream_is_cut_and_says_so(self):
        [answer] = self.ask_tool(tool_call(1, "rows.list", {"ms": 50000}))
        result = answer["result"]["structuredContent"]
        self.assertTrue(result["truncated"])
        self.assertGreater(len(result["records"]), 1000)

    def test_cancellation(self):
        session, _ = self.begin()
        for number, (tool, arguments, meta) in enumerate([
                ("slow.sleep", {"ms": 20000}, {}),
                ("rows.endless", {}, {"progressToken": 1})]):
            with self.subTest(tool=tool):
                body = json.dumps(tool_call(number, tool, arguments, **meta)).encode()
                raw = self.raw().send(
                    b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    b"Accept: application/json, text/event-stream\r\nMcp-Session-Id: "
                    + session.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                if meta:
                    raw.until(b'"progress":3')
                else:
                    self.assertTrue(eventually(
                        lambda: self.call("slow.started", None)[1] == 1))
                cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled",
                          "params": {"requestId": number}}
                self.assertEqual(self.post(cancel, Mcp_Session_Id=session)[0], 202)
                raw.until(b"0\r\n\r\n")  # the stream ends, without an answer
                self.assertNotIn(b'"result"', raw.rest)
                self.assertTrue(eventually(
                    lambda: self.call("slow.cancelled", None)[1] == number + 1))


class Allowed(Http):
    config = """
principals:
  agent: {tokens: ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
          call: ["math.*", "slow.*"], concurrent: 2}
  other: {uids: [12345], call: "*"}
mcp:
  descriptions: {math.add: "Adds two \\"numbers\\"."}
  read_only: "slow.*"
  idempotent: "math.*"
  not_destructive: "math.*"
"""
    token = "Bearer test"

    def test_the_allow_list(self):
        self.assertEqual(self.post(request(1, "tools/list"))[0], 401)
        [answer] = self.ask_tool(request(1, "tools/list"), Authorization=self.token)
        tools = {t["name"]: t for t in answer["result"]["tools"]}
        self.assertEqual(set(tools), {"math.add", "slow.sleep", "slow.started", "slow.cancelled"})
        self.assertEqual(tools["math.add"]["description"], 'Adds two "numbers".')
        self.assertEqual(tools["math.add"]["annotations"],
                         {"destructiveHint": False, "idempotentHint": True})
        self.assertEqual(tools["slow.sleep"]["annotations"], {"readOnlyHint": True})
        [answer] = self.ask_tool(tool_call(1, "math.add", {"a": 1, "b": 1}),
                                 Authorization=self.token)
        self.assertEqual(answer["result"]["structuredContent"], {"value": 2})
        [answer] = self.ask_tool(tool_call(1, "user.create", {"email": "a@b.c", "plan": "free"}),
                                 Authorization=self.token)
        self.assertEqual(answer["error"]["code"], -32602)
        self.assertIn("tool=user.create", self.gateway.text())


class Two(Http):
    """Principals share the room for sessions."""
    config = """
principals:
  agent: {tokens: ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"], call: "*"}
  any: {anonymous: true, call: "math.*", describe: false}
"""

    def test_sessions_of_others_stay(self):
        token = {"Authorization": "Bearer test"}
        begin = json.dumps(request(0, "initialize")).encode()
        head = self.post(begin, **token)[1]
        raw = self.raw()
        many = 1100  # more than there is room for
        for _ in range(many):
            raw.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(begin), begin))
            status, fields, _ = raw.answer()
            self.assertEqual(status, 200)
        last = re.search(r"(?im)^mcp-session-id: *(\S+)", fields)[1]
        for session, more in (head["mcp-session-id"], token), (last, {}):
            self.assertEqual(self.post(request(1, "ping"), Mcp_Session_Id=session, **more)[0], 200)

    def test_descriptions_can_be_closed(self):
        [answer] = self.ask_tool(request(1, "tools/list"))
        self.assertEqual(answer["error"]["message"], "this client may not read descriptions")
        [answer] = self.ask_tool(tool_call(1, "math.add", {"a": 1, "b": 2}))
        self.assertEqual(answer["result"]["structuredContent"], {"value": 3})


class Stdio(GatewayCase):
    """A message a line."""

    def start_gateway(self, *more):
        return self.start_client("--allow", "*")

    def start_client(self, *words):
        self.server = subprocess.Popen(
            [BIN / "shmbus-gateway", "--mcp", "--bus", self.bus, *words], env=ENV,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end_client)

    def end_client(self):
        self.server.kill()
        self.server.wait()
        for pipe in self.server.stdin, self.server.stdout:
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    def put(self, message):
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.server.stdin.write(line + b"\n")
        self.server.stdin.flush()

    def get(self):
        ready, _, _ = select.select([self.server.stdout], [], [], 20)
        self.assertTrue(ready, "no answer in time")
        return json.loads(self.server.stdout.readline())

    def test_requests_side_by_side(self):
        self.put(request(0, "initialize", protocolVersion="2025-06-18"))
        self.assertEqual(self.get()["result"]["protocolVersion"], "2025-06-18")
        self.put({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.put(tool_call(1, "slow.sleep", {"ms": 400}))
        self.put(tool_call(2, "math.add", {"a": 20, "b": 22}))
        first, second = self.get(), self.get()
        self.assertEqual((first["id"], first["result"]["structuredContent"]["value"]), (2, 42))
        self.assertEqual((second["id"], second["result"]["structuredContent"]["value"]), (1, 400))
        self.put(b"{no json")
        self.assertEqual(self.get()["error"]["code"], -32700)
        self.put(b"")
        self.put(b'{"jsonrpc":"2.0","id":5,"method":"ping"}\r')
        self.assertEqual(self.get(), {"jsonrpc": "2.0", "id": 5, "result": {}})

    def test_progress_and_cancellation(self):
        self.put(tool_call(3, "rows.endless", progressToken=9))
        self.assertEqual(self.get()["params"],
                         {"progressToken": 9, "progress": 1, "message": '{"number":1,"text":""}'})
        self.put({"jsonrpc": "2.0", "method": "notifications/cancelled",
                  "params": {"requestId": 3, "reason": "enough"}})
        self.put(request(4, "ping"))
        while (answer := self.get()).get("id") != 4:
            self.assertIn("method", answer)  # progress, never an answer to 3
        self.put(tool_call(3, "math.add", {"a": 1, "b": 1}))  # the id is free again
        self.assertEqual(self.get()["result"]["structuredContent"], {"value": 2})

    def test_the_end_of_the_input_waits_for_answers(self):
        self.put(tool_call(1, "slow.sleep", {"ms": 300}))
        self.server.stdin.close()
        self.assertEqual(self.get()["result"]["structuredContent"], {"value": 300})
        self.assertEqual(self.server.wait(20), 0)

    def test_too_long_a_line(self):
        self.put(b'{"a":"' + b"x" * 3_000_000 + b'"}')
        self.assertEqual(self.get()["error"]["code"], -32600)
        self.put(request(1, "ping"))
        self.assertEqual(self.get()["result"], {})

    def test_the_limit_of_a_line(self):
        config = self.write_config("principals: {agent: {anonymous: true, call: '*'}}\n"
                                   "limits: {body: 1000}\n")
        self.start_client("--config", config, "--as", "agent")
        ping = json.dumps(request(1, "ping")).encode()
        self.put(ping.ljust(1000))
        self.assertEqual(self.get()["result"], {})
        self.put(ping.ljust(1001))
        self.assertEqual(self.get()["error"]["message"], "the message is too long")
        self.put(ping)
        self.assertEqual(self.get()["result"], {})

    def test_a_file_as_input(self):
        with open(self.path("input"), "w") as file:
            file.write(json.dumps(tool_call(1, "math.add", {"a": 1, "b": 2})) + "\n")
        with open(self.path("input")) as file:
            out = subprocess.run([BIN / "shmbus-gateway", "--mcp", "--bus", self.bus,
                                  "--allow", "math.*"], env=ENV, stdin=file, check=True,
                                 capture_output=True, timeout=30).stdout
        self.assertEqual(json.loads(out)["result"]["structuredContent"], {"value": 3})

    def test_a_principal_of_a_file(self):
        config = self.write_config("principals: {agent: {anonymous: true, call: 'math.*'}}\n")
        self.start_client("--config", config, "--as", "agent")
        self.put(request(1, "tools/list"))
        self.assertEqual([t["name"] for t in self.get()["result"]["tools"]], ["math.add"])
        failed = subprocess.run([BIN / "shmbus-gateway", "--mcp", "--config", config, "--as", "no"],
                                env=ENV, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"no such principal", failed.stderr)


if __name__ == "__main__":
    main()
