// Overlays, and the part of JSONPath by which they name what they change.
#include "gen/overlay.hpp"

#include "gen/json_path.hpp"
#include "gen/parse.hpp"
#include "gen/support.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr const char* tree_text =
    "a: { b: [1, 2, { c: x }], 'd.e': { type: string } }\n"
    "f: { type: string, maxLength: 4, a: { type: integer } }\n";

/// The paths of what is named.
std::string named(const std::string& path) {
  gen::Tree tree;
  auto& root = gen::parse(tree, tree_text, "t.yaml");
  std::string out;
  try {
    for (const auto* node : gen::select(root, path)) out += gen::path_of(*node) + " ";
  } catch (const gen::Error& error) {
    return error.what();
  }
  return out;
}

std::string overlaid(const std::string& actions) {
  gen::Document document(
      "openapi: 3.0.0\npaths: { /a: { get: { operationId: a, parameters: [{ name: q, in: query, "
      "schema: { type: string } }] }, put: { operationId: b, deprecated: true } } }\n",
      "api.yaml");
  try {
    document.overlay("overlay: 1.0.0\ninfo: {}\nactions:\n" + actions, "o.yaml");
    const auto text = gen::emit_commands(document.read({}));
    std::string notes;
    for (const auto& note : document.problems().notes()) notes += note;
    return notes + text;
  } catch (const gen::Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("paths name values", "[gen]") {
  CHECK(named("$") == "$ ");
  CHECK(named("$.a.b[1]") == "$.a.b[1] ");
  CHECK(named("$.a.b[-1].c") == "$.a.b[2].c ");
  CHECK(named("$['a']['d.e']") == "$.a['d.e'] ");
  CHECK(named("$.a.*") == "$.a.b $.a['d.e'] ");
  CHECK(named("$..c") == "$.a.b[2].c ");
  CHECK(named("$..a") == "$.a $.f.a ");
  CHECK(named("$.a.b[0, 2]") == "$.a.b[0] $.a.b[2] ");
  CHECK(named("$..[?(@.type == 'string' && !@.maxLength)]") == "$.a['d.e'] ");
  CHECK(named("$..[?@.type=='string']") == "$.f $.a['d.e'] ");
  CHECK(named("$..[?(@.maxLength > 3 || @.c)]") == "$.f $.a.b[2] ");
  CHECK(named("$..[?(@.type != 'string' && @.type)]") == "$.f.a ");
  CHECK(named("$.none") == "");
}

TEST_CASE("a path that is none is refused", "[gen]") {
  for (const char* bad : {"", "a", "$a", "$.", "$[", "$['a", "$[?", "$[?(@.a", "$[x]", "$.a..",
                          "$[?@[0]]", "$.a b"}) {
    INFO(bad);
    const auto said = named(bad);
    CHECK(said.find("'" + std::string(bad) + "': ") == 0);
  }
  std::string brackets = "$[?";
  brackets.append(100'000, '(');
  has(named(brackets), "too many brackets");
  std::string negations = "$[?";
  negations.append(100'000, '!');
  has(named(negations), "too many brackets");
}

TEST_CASE("an overlay merges, appends, replaces and removes", "[gen]") {
  has(overlaid("  - target: $..[?(@.type == 'string')]\n    update: { maxLength: 7 }\n"),
      "::shmbus::Optional<::shmbus::String<7>> q{};");
  const auto removed = overlaid("  - target: $.paths['/a'].get\n    remove: true\n");
  CHECK(removed.find("\"a\"") == std::string::npos);
  has(removed, "\"b\"");
  has(overlaid(
          "  - target: $.paths['/a'].get.parameters\n    update: { name: r, in: query, schema: { "
          "type: boolean } }\n  - target: $.paths..schema\n    update: { type: integer }\n"),
      "::shmbus::Optional<::std::int64_t> r{};");
  has(overlaid("  - target: $.paths[*].put\n    update: { x-command: other }\n"
               "  - target: $.paths[*].get\n    remove: true\n"),
      "::shmbus::Command<\"other\", ::shmbus::Nothing");
  has(overlaid("  - target: $.nothing\n    remove: true\n"
               "  - target: $.paths[*].get\n    remove: true\n"),
      "o.yaml:4: $.actions[0]: $.nothing meets nothing");
}

TEST_CASE("an overlay that is none is refused with its line", "[gen]") {
  has(overlaid("  - update: {}\n"), "o.yaml:4: an action has a target");
  has(overlaid("  - target: $.paths\n"), "o.yaml:4: an action has an update, or remove: true");
  has(overlaid("  - target: $\n    remove: true\n"), "cannot be removed");
  has(overlaid("  - target: oops\n    remove: true\n"), "o.yaml:4: 'oops': '$' is missing");
  gen::Document document("openapi: 3.0.0\n", "api.yaml");
  CHECK_THROWS_AS(document.overlay("openapi: 3.0.0\n", "o.yaml"), gen::Error);
}
