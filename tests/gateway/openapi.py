#!/usr/bin/env python3
"""/openapi.json and `shmbus openapi`: the same, valid, and `shmbus gen` makes the same types of it."""
import json
import pathlib
import subprocess
import unittest

from gateway_case import BIN, GatewayCase, main

try:
    from openapi_spec_validator import validate
except ImportError:
    validate = None


class OpenApi(GatewayCase):
    def tool(self, *words):
        return subprocess.run([str(BIN / "shmbus"), "--bus", self.bus, *words], check=True,
                              capture_output=True, text=True).stdout

    def document(self):
        status, fields, body = self.ask("GET", "/openapi.json")
        self.assertEqual((status, fields["content-type"]), (200, "application/json"))
        return json.loads(body)

    def test_tool_and_gateway_print_the_same(self):
        self.assertEqual(json.loads(self.tool("openapi")), self.document())

    def test_what_it_says(self):
        document = self.document()
        post = document["paths"]["/call/user.create"]["post"]
        self.assertEqual(post["operationId"], "user.create")
        schema = post["requestBody"]["content"]["application/json"]["schema"]
        self.assertEqual(schema["required"], ["email", "plan"])
        self.assertEqual(schema["properties"]["plan"], {"type": "string", "enum": ["free", "paid"]})
        self.assertEqual(schema["properties"]["nick"],
                         {"type": ["string", "null"], "maxLength": 20})
        self.assertIn("application/octet-stream",
                      document["paths"]["/call/bytes.echo"]["post"]["requestBody"]["content"])
        self.assertNotIn("requestBody", document["paths"]["/call/slow.cancelled"]["post"])
        self.assertNotIn("/call/rows.list", document["paths"])
        rows = document["x-streams"]["rows.list"]
        self.assertEqual(rows["path"], "/call/rows.list")
        self.assertEqual((rows["request"]["stream"], rows["reply"]["stream"]), (False, True))
        self.assertEqual(rows["reply"]["schema"]["required"], ["number", "text"])
        self.assertIn("number", document["x-events"]["price.changed"]["schema"]["properties"])

    @unittest.skipUnless(validate, "openapi-spec-validator is not there")
    def test_it_is_valid(self):
        validate(self.document())

    def test_answers_are_of_its_schemas(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("jsonschema is not there")
        document = self.document()
        for name, value in (("user.create", {"email": "a@b.c", "plan": "free"}),
                            ("math.add", {"a": 1, "b": 2}), ("who.am.i", None)):
            post = document["paths"]["/call/" + name]["post"]
            status, answer = self.call(name, value)
            self.assertEqual(status, 200)
            jsonschema.validate(answer,
                                post["responses"]["200"]["content"]["application/json"]["schema"])
        problem = self.call("math.add", {})[1]
        jsonschema.validate(problem, document["components"]["schemas"]["Problem"])

    def test_round_trip(self):
        """A program made of the generated header registers the very same types."""
        path = pathlib.Path(self.path("bus.json"))
        path.write_text(self.tool("openapi"))
        header = self.path("bus.hpp")
        subprocess.run([str(BIN / "shmbus"), "gen", str(path), "-o", header, "--namespace", "made"],
                       check=True, capture_output=True)
        source = pathlib.Path(self.path("made.cpp"))
        names = [n for n in ("user.create", "math.add", "text.count", "who.am.i", "slow.sleep")]
        aliases = ["".join(w.capitalize() for w in n.split(".")) for n in names]
        source.write_text("#include <cstdio>\n#include \"shmbus/shmbus.hpp\"\n#include \"bus.hpp\"\n"
                          "int main() {\n" + "".join(
                              f"  std::printf(\"%.*s\\n\", static_cast<int>(shmbus::schema_of<made::{a}>"
                              f".text.size()), shmbus::schema_of<made::{a}>.text.data());\n"
                              for a in aliases) + "}\n")
        root = pathlib.Path(__file__).resolve().parents[2]
        program = self.path("made")
        subprocess.run(["c++", "-std=c++20", "-O0", "-I", self.folder.name,
                        "-I", str(root / "libshmbus/include"),
                        "-I", str(BIN.resolve().parent / "generated/include"), str(source),
                        "-o", program], check=True)
        made = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
        for name, schema in zip(names, made):
            described = json.loads(self.tool("describe", name, "--json"))
            self.assertEqual(schema, described["name"]["schema"], name)


class Filtered(GatewayCase):
    config = "principals:\n  some: {anonymous: true, call: 'math.*'}\n"

    def test_only_what_the_client_may_use(self):
        document = json.loads(self.ask("GET", "/openapi.json")[2])
        self.assertEqual(list(document["paths"]), ["/call/math.add"])
        self.assertNotIn("x-events", document)


if __name__ == "__main__":
    main()
