// shmbus gen: what becomes of a document, and what it says of what it does not cover.
#include <fstream>

#include "cli/exit_codes.hpp"
#include "cli/gen/emit.hpp"
#include "cli/gen/names.hpp"
#include "cli/gen/openapi.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::cli;

namespace {

/// A document with one command whose request is this schema; the schema stands in line 8.
std::string document(const std::string& schema) {
  return "openapi: 3.0.0\npaths:\n  /a:\n    post:\n      operationId: a.b\n      requestBody:\n"
         "        content: { application/json: { schema:\n" +
         schema + "\n        }}\n      responses: { \"204\": { description: done } }\n";
}

std::string request_of(const std::string& schema) {
  const auto model = gen::parse_openapi(document(schema), "api.yaml");
  REQUIRE(model.commands.size() == 1);
  CHECK(model.commands[0].name == "a.b");
  CHECK(model.commands[0].reply == "shmbus::Nothing");
  return model.commands[0].request;
}

std::string refusal(const std::string& text) {
  try {
    (void)gen::parse_openapi(text, "api.yaml");
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("schemas of one value become types", "[schema]") {
  const std::pair<const char*, const char*> cases[] = {
      {"{ type: boolean }", "bool"},
      {"{ type: integer }", "std::int64_t"},
      {"{ type: integer, format: int32 }", "std::int32_t"},
      {"{ type: integer, format: uint8 }", "std::uint8_t"},
      {"{ type: integer, minimum: 0 }", "std::uint64_t"},
      {"{ type: integer, minimum: 0, maximum: 255 }", "std::uint8_t"},
      {"{ type: integer, minimum: 0, maximum: 256 }", "std::uint16_t"},
      {"{ type: integer, minimum: -128, maximum: 127 }", "std::int8_t"},
      {"{ type: integer, minimum: -129, maximum: 127 }", "std::int16_t"},
      {"{ type: integer, minimum: -10, maximum: -1 }", "std::int8_t"},
      {"{ type: integer, minimum: 0, maximum: 18446744073709551615 }", "std::uint64_t"},
      {"{ type: number }", "double"},
      {"{ type: number, format: float }", "float"},
      {"{ type: string, maxLength: 20 }", "shmbus::String<20>"},
      {"{ type: string, format: uuid }", "shmbus::Uuid"},
      {"{ type: string, format: date-time }", "shmbus::Timestamp"},
      {"{ type: string, format: email }", "shmbus::Email"},
      {"{ type: string, x-in-message: true }", "shmbus::Text"},
      {"{ type: string, enum: [a, b] }", "ABRequest"},
      {"{ type: array, maxItems: 3, items: { type: boolean } }", "shmbus::Vector<bool, 3>"},
      {"{ type: array, minItems: 3, maxItems: 3, items: { type: boolean } }",
       "std::array<bool, 3>"},
      {"{ type: array, x-in-message: true, items: { type: number } }", "shmbus::Array<double>"},
      {"{\"type\": \"object\", \"properties\": {}}", "ABRequest"},
  };
  for (const auto& [schema, type] : cases) {
    INFO(schema);
    CHECK(request_of(schema) == type);
  }
}

TEST_CASE("objects become structs, those inside first, members in order", "[schema]") {
  const auto model = gen::parse_openapi(
      document(
          "{ type: object, required: [b, a], properties: { b: { type: boolean }, "
          "a: { type: object, properties: { x: { type: number, description: \"how\\n  far\" } } }, "
          "c: { type: integer, nullable: true } } }"),
      "api.yaml");
  const auto text = gen::emit_commands(model, "api");
  const std::string expected =
      "struct ABRequestA {\n  /// how far\n  shmbus::Optional<double> x{};\n};\n\n"
      "struct ABRequest {\n  bool b{};\n  ABRequestA a{};\n"
      "  shmbus::Optional<std::int64_t> c{};\n};\n\n"
      "using AB = shmbus::Command<\"a.b\", ABRequest, shmbus::Nothing>;\n\n}  // namespace api\n";
  INFO(text);
  CHECK(text.ends_with(expected));
}

TEST_CASE("what is not covered is told with its line", "[schema]") {
  const std::pair<const char*, const char*> cases[] = {
      {"{ type: string }", "api.yaml:8: a string needs maxLength"},
      {"{ type: array, items: { type: number } }", "api.yaml:8: an array needs maxItems"},
      {"{ type: string, maxLength: 0 }", "api.yaml:8: a length is"},
      {"{ type: string, format: ipv4, maxLength: 20 }", "the format 'ipv4' is not covered"},
      {"{ type: integer, format: int128 }", "the format 'int128' is not covered"},
      {"{ type: file }", "the type 'file' is not covered"},
      {"{ oneOf: [] }", "api.yaml:8: 'oneOf' is not covered"},
      {"{ type: object, additionalProperties: true }", "'additionalProperties' is not covered"},
      {"{ type: string, maxLength: 3, pattern: x }", "'pattern' is not covered"},
      {"{ type: object, properties: { class: { type: number } } }", "'class' is no name"},
      {"{ type: object, properties: { a-b: { type: number } } }", "'a-b' is no name"},
      {"{ type: object, required: [z] }", "'z' is required, and no property"},
      {"{ type: string, enum: [in-progress] }", "'in-progress' is no name"},
      {"{ type: string, enum: [a, a] }", "'a' stands there twice"},
      {"{ $ref: other.yaml#/X }", "a $ref leads to"},
      {"{ $ref: \"#/components/schemas/X\" }", "there is no schema 'X'"},
      {"{}", "the schema has no type"},
  };
  for (const auto& [schema, message] : cases) {
    INFO(schema);
    const auto said = refusal(document(schema));
    INFO(said);
    CHECK(said.starts_with("api.yaml:8: "));
    CHECK(said.find(message) != std::string::npos);
  }
}

TEST_CASE("a document that makes no sense is told where", "[schema]") {
  const std::string component =
      "openapi: 3.0.0\ncomponents:\n  schemas:\n    Node:\n      type: object\n      properties:\n"
      "        next: { $ref: \"#/components/schemas/Node\" }\npaths: {}\n";
  CHECK(refusal(component) == "api.yaml:7: 'Node' contains itself: a type has a fixed size");
  CHECK(refusal("swagger: \"2.0\"\n").starts_with("api.yaml:1: this is no OpenAPI 3"));
  CHECK(refusal("- a\n").starts_with("api.yaml:1: this is no OpenAPI"));
  CHECK(refusal("a: [1\n").starts_with("api.yaml:"));
  CHECK(refusal("openapi: 3.1.0\npaths:\n  /a:\n    get:\n      responses: {}\n") ==
        "api.yaml:4: the operation has neither x-command nor operationId");
  CHECK(refusal("openapi: 3.1.0\npaths:\n  /a:\n    get:\n      operationId: x\n      parameters:\n"
                "      - name: id\n      responses: {}\n")
            .starts_with("api.yaml:7: parameters are not covered"));
}

TEST_CASE("shmbus gen writes a header, or none", "[schema]") {
  const test::TempFolder folder;
  const auto good = folder.path() + "/good.yaml";
  const auto bad = folder.path() + "/bad.yaml";
  const auto header = folder.path() + "/out.hpp";
  std::ofstream(good) << document("{ type: boolean }");
  std::ofstream(bad) << document("{ type: string }");
  CHECK(test::run_tool({"gen", good, "-o", header}).code == 0);
  const auto text = test::read_whole_file(header);
  CHECK(text.find("using AB = shmbus::Command<\"a.b\", bool, shmbus::Nothing>;") !=
        std::string::npos);
  const auto refused = test::run_tool({"gen", bad, "-o", header});
  CHECK(refused.code == 13);
  CHECK(refused.err.find("bad.yaml:8: ") != std::string::npos);
  CHECK(test::read_whole_file(header) == text);  // what was there is still whole
  CHECK(test::run_tool({"gen", good, "--check", "User"}).code == 64);
  CHECK(test::run_tool({"gen", folder.path() + "/none.yaml"}).code == 13);
}

TEST_CASE("names of the document as names of C++", "[schema]") {
  CHECK(gen::pascal_case("user.create-now") == "UserCreateNow");
  CHECK(gen::pascal_case("9lives") == "X9lives");
  CHECK(gen::is_identifier("a1_b"));
  for (const char* bad : {"", "1a", "a-b", "class", "a__b", "_a", "a b"}) {
    INFO(bad);
    CHECK_FALSE(gen::is_identifier(bad));
  }
}
