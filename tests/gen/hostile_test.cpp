// Documents that would take for ever, or all memory, or the stack: each is refused in time.
#include <chrono>

#include "gen/parse.hpp"
#include "gen/support.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

/// With a limit that only something out of bounds would reach.
template <class F>
auto in_time(F&& make) {
  const auto began = std::chrono::steady_clock::now();
  auto out = make();
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
  return out;
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::string components(const std::string& schemas, const std::string& first) {
  return document("{ $ref: \"#/components/schemas/" + first + "\" }",
                  "components:\n  schemas:\n" + schemas);
}

}  // namespace

TEST_CASE("an anchor that contains itself is refused", "[gen]") {
  const auto said = refusal(components("    A: &A { type: object, properties: { x: *A } }\n", "A"));
  CHECK(said == "api.yaml:13: an anchor that contains itself: a type has a fixed size");
  has(refusal(components("    A: &A [*A]\n", "A")), "contains itself");
}

TEST_CASE("anchors inside anchors are read once", "[gen]") {
  std::string schemas = "    A0: &A0 { type: object, properties: { x: { type: boolean } } }\n";
  for (int i = 1; i < 60; ++i) {
    const auto below = "*A" + std::to_string(i - 1);
    schemas += "    A" + std::to_string(i) + ": &A" + std::to_string(i) +
               " { type: object, properties: { a: " + below + ", b: " + below + " } }\n";
  }
  CHECK(in_time([&] { return refusal(components(schemas, "A9")); }) == "accepted");
  // 2^59 members: no bus holds that, and nobody counts them one by one.
  has(in_time([&] { return refusal(components(schemas, "A59")); }), "the largest payload is 1 GiB");
}

TEST_CASE("schemas that contain themselves end, by every way round", "[gen]") {
  for (const char* schemas :
       {"    A: { type: object, properties: { a: { $ref: '#/components/schemas/A' } } }\n",
        "    A: { $ref: '#/components/schemas/A' }\n",
        "    A: { $ref: '#/components/schemas/B' }\n    B: { $ref: '#/components/schemas/A' }\n",
        "    A: { allOf: [{ $ref: '#/components/schemas/A' }] }\n",
        "    A: { allOf: [{ $ref: '#/components/schemas/A' }, { type: object, properties: { a: { "
        "type: "
        "boolean } } }, { $ref: '#/components/schemas/B' }] }\n    B: { allOf: [{ $ref: "
        "'#/components/schemas/A' }] , properties: { b: { $ref: '#/components/schemas/A' } } }\n",
        "    A: { oneOf: [{ $ref: '#/components/schemas/A' }, { type: 'null' }] }\n",
        "    A: { anyOf: [{ $ref: '#/components/schemas/A' }, { type: integer }] }\n",
        "    A: { type: array, maxItems: 2, items: { $ref: '#/components/schemas/A' } }\n",
        "    A: { type: object, additionalProperties: { $ref: '#/components/schemas/A' } }\n",
        "    A: { type: object, properties: { a: { $ref: '#' } } }\n",
        "    A: { type: object, properties: { a: { $ref: '#/components/schemas' } } }\n"}) {
    INFO(schemas);
    (void)in_time([&] { return refusal(components(schemas, "A")); });
    (void)in_time([&] { return refusal(components(schemas, "A"), bounded()); });
  }
}

TEST_CASE("depth is bounded, in YAML, in JSON and over references", "[gen]") {
  const int deep = 100'000;
  has(in_time([&] { return refusal("openapi: " + repeated("[", deep)); }), "api.yaml:1");
  has(in_time([&] { return refusal("{\"openapi\": " + repeated("[", deep)); }), "deep");
  has(in_time([&] { return refusal(repeated("{\"a\":", deep) + "1" + repeated("}", deep)); }),
      "deep");
  has(in_time([&] { return refusal(repeated("- ", deep) + "a"); }), "api.yaml:1");
  std::string schemas;
  for (int i = 0; i < 1000; ++i) {
    schemas += "    A" + std::to_string(i) +
               ": { type: object, properties: { a: { $ref: "
               "'#/components/schemas/A" +
               std::to_string(i + 1) + "' } } }\n";
  }
  has(in_time(
          [&] { return refusal(components(schemas + "    A1000: { type: boolean }\n", "A0")); }),
      "schemas nested more than 128 deep");
}

TEST_CASE("size is bounded", "[gen]") {
  const TempFolder folder;
  const auto file = folder.path() + "/large.yaml";
  std::ofstream(file) << "a: " << std::string(gen::document_bytes_max, 'x');
  const auto ran = run_tool({"gen", file});
  CHECK(ran.code == 13);
  has(ran.err, "32 MiB");
  CHECK(run_tool({"gen", "/dev/zero"}).code == 13);
  has(refusal("{\"a\": [" + repeated("0,", 2'000'000) + "0]}"), "more than 2 million values");
}

TEST_CASE("JSON has the lines and the characters that it has", "[gen]") {
  const auto said = refusal(
      "{\n  \"openapi\": \"3.0.0\",\n  \"paths\": { \"/a\": { \"get\": {\n\"operationId\": \"a\",\n"
      "    \"parameters\": [{ \"name\": \"q\", \"in\": \"query\", \"schema\":\n"
      "      { \"type\": \"string\", \"minimum\": 1,\n \"description\": \"\\ud83d\\ude00 \\/\" "
      "}}]}}}}");
  has(said, "api.yaml:6: $.paths['/a'].get.parameters[0].schema");
}

TEST_CASE("bytes that are no document are refused", "[gen]") {
  for (const auto& text :
       {std::string{}, std::string("\0\0\0", 3), std::string("\xFF\xFE{}"), std::string("{"),
        std::string("--- \n..."), std::string("%YAML 9.9\n---\na"), std::string("? {a: b}\n: c\n"),
        std::string("&a *a"), std::string("*a"), std::string("a: *b"), std::string("!!binary x")}) {
    const auto said = in_time([&] { return refusal(text); });
    INFO(said);
    CHECK(said.starts_with("api.yaml"));
  }
}
