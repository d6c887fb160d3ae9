// shmbus gen: what becomes of a document, and what it says of what it does not cover.
#include "gen/support.hpp"

using namespace shmbus;
using namespace shmbus::test;

TEST_CASE("schemas of one value become types", "[gen]") {
  const std::pair<const char*, const char*> cases[] = {
      {"{ type: boolean }", "bool"},
      {"{ type: integer }", "::std::int64_t"},
      {"{ type: integer, format: int32 }", "::std::int32_t"},
      {"{ type: integer, format: uint8 }", "::std::uint8_t"},
      {"{ type: integer, format: unix-time }", "::std::int64_t"},
      {"{ type: integer, minimum: 0 }", "::std::uint64_t"},
      {"{ type: integer, minimum: 0, maximum: 255 }", "::std::uint8_t"},
      {"{ type: integer, minimum: 0, maximum: 256 }", "::std::uint16_t"},
      {"{ type: integer, minimum: 0, maximum: 1e3 }", "::std::uint16_t"},
      {"{ type: integer, minimum: -128, maximum: 127 }", "::std::int8_t"},
      {"{ type: integer, minimum: -129, maximum: 127 }", "::std::int16_t"},
      {"{ type: integer, minimum: -10, maximum: -1 }", "::std::int8_t"},
      {"{ type: integer, minimum: 0, maximum: 18446744073709551615 }", "::std::uint64_t"},
      {"{ type: integer, enum: [1, 2, 3] }", "::std::int64_t"},
      {"{ type: integer, oneOf: [{ const: 0, title: A }, { const: 1 }], format: int32 }",
       "::std::int32_t"},
      {"{ type: number }", "double"},
      {"{ type: number, format: float }", "float"},
      {"{ type: string, maxLength: 20 }", "::shmbus::String<20>"},
      {"{ type: string, maxLength: 3, minLength: 2, pattern: x }", "::shmbus::String<3>"},
      {"{ type: string, format: uuid }", "::shmbus::Uuid"},
      {"{ type: string, format: date-time }", "::shmbus::Timestamp"},
      {"{ type: string, format: email }", "::shmbus::Email"},
      {"{ type: string, format: ipv4 }", "::shmbus::String<15>"},
      {"{ type: string, format: ipv4, maxLength: 20 }", "::shmbus::String<20>"},
      {"{ type: string, format: date }", "::shmbus::String<10>"},
      {"{ type: string, format: binary, maxLength: 9 }", "::shmbus::Vector<::std::uint8_t, 9>"},
      {"{ type: string, x-in-message: true }", "::shmbus::Text"},
      {"{ type: string, enum: [a, b] }", "::commands::ABRequest"},
      {"{ const: only }", "::commands::ABRequest"},
      {"{ type: array, maxItems: 3, items: { type: boolean } }", "::shmbus::Vector<bool, 3>"},
      {"{ type: array, minItems: 2, maxItems: 3, items: { type: boolean } }",
       "::shmbus::Vector<bool, 3>"},
      {"{ type: array, minItems: 3, maxItems: 3, items: { type: boolean } }",
       "::std::array<bool, 3>"},
      {"{ type: array, x-in-message: true, items: { type: number } }", "::shmbus::Array<double>"},
      {"{\"type\": \"object\", \"properties\": {}}", "::commands::ABRequest"},
      {"{ x-as-json: true, oneOf: [{ type: string }, { type: object }] }", "::shmbus::Text"},
      {"{ x-as-json: true, maxLength: 99 }", "::shmbus::String<99>"},
      {"{ anyOf: [{ type: integer }, { type: number }] }", "double"},
      {"{ oneOf: [{ type: string, enum: [a] }, { type: string, maxLength: 5 }] }",
       "::shmbus::String<5>"},
  };
  for (const auto& [schema, type] : cases) {
    INFO(schema);
    CHECK(request_of(schema) == type);
  }
}

TEST_CASE("null makes a value optional, in the words of 3.0 and of 3.1", "[gen]") {
  for (const char* schema :
       {"{ type: string, maxLength: 4, nullable: true }",
        "{ type: [string, \"null\"], maxLength: 4 }", "{ type: [string, null], maxLength: 4 }",
        "{ oneOf: [{ type: string, maxLength: 4 }, { type: \"null\" }] }",
        "{ anyOf: [{ type: \"null\" }, { type: string, maxLength: 4 }] }",
        "{ type: string, maxLength: 4, x-nullable: true }"}) {
    INFO(schema);
    CHECK(request_of(schema) == "::shmbus::Optional<::shmbus::String<4>>");
  }
  CHECK(request_of("{ type: array, maxItems: 2, items: { type: [integer, \"null\"] } }") ==
        "::shmbus::Vector<::shmbus::Optional<::std::int64_t>, 2>");
  // A component says it for all that refer to it.
  const auto text =
      header_of(document("{ type: object, required: [a], properties: { a: { $ref: "
                         "\"#/components/schemas/A\" } } }",
                         "components: { schemas: { A: { type: integer, nullable: true } } }\n"));
  has(text, "::shmbus::Optional<::std::int64_t> a{};");
}

TEST_CASE("objects become structs, those inside first, members in order", "[gen]") {
  gen::Options options;
  options.name_space = "api";
  const auto text = header_of(
      document(
          "{ type: object, required: [b, a], properties: { b: { type: boolean }, "
          "a: { type: object, properties: { x: { type: number, description: \"how\\n  far\" } } }, "
          "c: { type: integer, nullable: true } } }"),
      options);
  const std::string expected =
      "struct ABRequestA {\n  /// how far\n  ::shmbus::Optional<double> x{};\n};\n\n"
      "struct ABRequest {\n  bool b{};\n  ::api::ABRequestA a{};\n"
      "  ::shmbus::Optional<::std::int64_t> c{};\n};\n\n"
      "using AB =\n    ::shmbus::Command<\"a.b\", ::api::ABRequest, ::shmbus::Nothing>;\n\n"
      "}  // namespace api\n";
  INFO(text);
  CHECK(text.ends_with(expected));
}

TEST_CASE("allOf lays schemas on top of one another", "[gen]") {
  const auto text = header_of(document(
      "{ allOf: [{ $ref: \"#/components/schemas/Base\" }, { type: object, required: [id], "
      "properties: { id: { type: integer } } }] }",
      "components: { schemas: { Base: { type: object, required: [name], properties: { name: "
      "{ type: boolean }, id: { type: boolean } } } } }\n"));
  has(text, "struct ABRequest {\n  bool name{};\n  bool id{};\n};");
}

TEST_CASE("parameters and body are the request", "[gen]") {
  const std::string text =
      "openapi: 3.0.0\npaths:\n  /a/{id}:\n    parameters:\n"
      "      - { name: id, in: path, required: true, schema: { type: integer } }\n"
      "      - { name: q, in: query, schema: { type: integer } }\n    put:\n"
      "      operationId: a.b\n      parameters:\n"
      "        - { name: q, in: query, schema: { type: boolean } }\n"
      "        - { name: X-Trace, in: header, required: true, schema: { type: boolean } }\n"
      "        - { name: Accept, in: header, schema: { type: string } }\n"
      "      requestBody: { required: true, content: { application/json: { schema: { type: number "
      "} "
      "} } }\n";
  has(header_of(text),
      "struct ABRequest {\n  ::shmbus::Optional<bool> q{};\n  /// 'X-Trace' in the document\n"
      "  bool X_Trace{};\n  ::std::int64_t id{};\n  double body{};\n};");
}

TEST_CASE("the reply is the response of success, or the default one", "[gen]") {
  const auto reply_of = [](const std::string& responses) {
    const std::string text = "openapi: 3.0.0\npaths: { /a: { get: { operationId: a, responses: {" +
                             responses + "} } } }\n";
    const auto said = refusal(text);
    return said == "accepted" ? model_of(text).commands[0].reply.text : said;
  };
  const std::string number = "{ content: { application/json: { schema: { type: number } } } }";
  const std::string truth = "{ content: { application/json: { schema: { type: boolean } } } }";
  CHECK(reply_of("200: " + number + ", default: " + truth) == "double");
  CHECK(reply_of("404: " + truth + ", default: " + number) == "double");
  CHECK(reply_of("302: {}, default: " + truth) == "::shmbus::Nothing");
  CHECK(reply_of("2XX: " + number) == "double");
  CHECK(reply_of("204: {}, 200: " + number) == "double");
  CHECK(reply_of("201: " + number + ", 200: " + truth).find("a second response of success") !=
        std::string::npos);
  CHECK(reply_of("201: " + number + ", 200: { x-reply: true, " + truth.substr(2)) == "bool");
  CHECK(reply_of("200: { content: { text/html: { schema: { type: boolean } }, "
                 "application/json; charset=utf-8: { schema: { type: number } } } }") == "double");
}

TEST_CASE("what is not covered is reported with its line", "[gen]") {
  const std::pair<const char*, const char*> cases[] = {
      {"{ type: string }", "a string needs maxLength"},
      {"{ type: array, items: { type: number } }", "an array needs maxItems"},
      {"{ type: array, maxItems: 3 }", "an array needs items"},
      {"{ type: string, maxLength: 0 }", "a length is"},
      {"{ type: string, maxLength: 2, minLength: 3 }", "minLength is more than maxLength"},
      {"{ type: string, maxLength: 2, minLength: -1 }", "no whole number"},
      {"{ type: integer, format: int128 }", "the format 'int128' is not covered"},
      {"{ type: integer, maximum: many }", "'maximum' is no number"},
      {"{ type: any }", "the type 'any' is not covered"},
      {"{ type: [string, integer] }", "a value of several types"},
      {"{ oneOf: [{ type: string, maxLength: 2 }, { type: integer }] }", "one of several types"},
      {"{ type: object }", "an object that does not say what is in it"},
      {"{ type: object, additionalProperties: true }", "an object that may hold anything"},
      {"{ type: object, additionalProperties: { type: number } }", "a map without limits"},
      {"{ $ref: other.yaml#/X }", "there is no 'other.yaml#/X' in the document"},
      {"{ $ref: \"#/components/schemas/X\" }", "there is no '#/components/schemas/X'"},
      {"{}", "a schema without a type"},
  };
  for (const auto& [schema, message] : cases) {
    INFO(schema);
    const auto said = refusal(document(schema));
    has(said, message);
    has(said, "api.yaml:8: $.paths['/a'].post.requestBody");
    has(said, "edit: ");
  }
}

TEST_CASE("a document that makes no sense is refused with the line", "[gen]") {
  const std::string component =
      "openapi: 3.0.0\ncomponents:\n  schemas:\n    Node:\n      type: object\n      properties:\n"
      "        next: { $ref: \"#/components/schemas/Node\" }\npaths: { /a: { get: { responses: { "
      "200: "
      "{ content: { x/y: { schema: { $ref: \"#/components/schemas/Node\" } } } } } } } }\n";
  has(refusal(component), "'Node' contains itself: a type has a fixed size");
  has(refusal(component), "api.yaml:7: $.components.schemas.Node.properties.next");
  CHECK(refusal("swagger: \"1.2\"\n").starts_with("api.yaml:1: this is no OpenAPI"));
  CHECK(refusal("- a\n").starts_with("api.yaml:1: this is no OpenAPI"));
  CHECK(refusal("a: [1\n").starts_with("api.yaml:"));
  CHECK(refusal("openapi: 3.1.0\npaths: {}\n") == "api.yaml:1: the document has no operations");
  CHECK(refusal("openapi: 3.1.0\nopenapi: 3.1.1\n") == "api.yaml:2: 'openapi' stands there twice");
  has(refusal("openapi: 3.1.0\npaths:\n  /a:\n    get: { operationId: x }\n"
              "    put: { operationId: x }\n"),
      "there is a command 'x' already");
}

TEST_CASE("an operation without a name gets one from its path", "[gen]") {
  const auto model = model_of("openapi: 3.1.0\npaths: { '/pets/{id}': { get: {} } }\n");
  CHECK(model.commands[0].name == "pets.id.get");
  CHECK(model.commands[0].alias == "PetsIdGet");
}

TEST_CASE("shmbus gen writes a header, or none", "[gen]") {
  const TempFolder folder;
  const auto good = folder.path() + "/good.yaml";
  const auto bad = folder.path() + "/bad.yaml";
  const auto header = folder.path() + "/out.hpp";
  std::ofstream(good) << document("{ type: boolean }");
  std::ofstream(bad) << document("{ type: string }");
  CHECK(run_tool({"gen", good, "-o", header}).code == 0);
  const auto text = read_whole_file(header);
  has(text, "using AB =\n    ::shmbus::Command<\"a.b\", bool, ::shmbus::Nothing>;");
  const auto refused = run_tool({"gen", bad, "-o", header});
  CHECK(refused.code == 13);
  has(refused.err, "bad.yaml:8: ");
  CHECK(read_whole_file(header) == text);  // what was there is still whole
  CHECK(run_tool({"gen", good, "--check", "User"}).code == 64);
  CHECK(run_tool({"gen", folder.path() + "/none.yaml"}).code == 13);
}
