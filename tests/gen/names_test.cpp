// Names of a document that are taken in C++: in each place where one of them becomes one of ours.
#include "gen/names.hpp"

#include "gen/support.hpp"

using namespace shmbus;
using namespace shmbus::test;

TEST_CASE("names of the document as names of C++", "[gen]") {
  CHECK(gen::pascal_case("user.create-now") == "UserCreateNow");
  CHECK(gen::pascal_case("9lives") == "X9lives");
  CHECK(gen::is_identifier("a1_b"));
  for (const char* bad : {"",        "1a",     "a-b",    "class", "a__b",     "_a",        "a b",
                          "NULL",    "SIGINT", "EOF",    "errno", "linux",    "unix",      "stdin",
                          "INT_MAX", "PRIu64", "si_pid", "TRUE",  "\xC3\xBC", "SHMBUS_API"}) {
    INFO(bad);
    CHECK_FALSE(gen::is_identifier(bad));
    CHECK(gen::is_identifier(gen::identifier(bad)));
  }
  CHECK(gen::identifier("in-progress") == "in_progress");
  CHECK(gen::identifier("class") == "class_");
  CHECK(gen::identifier("2.0") == "x2_0");
  CHECK(gen::identifier("+1") == "plus_1");
  CHECK(gen::identifier("-1") == "minus_1");
  CHECK(gen::identifier(">=") == "greater_equal");
  CHECK(gen::identifier("_id") == "id");
  CHECK(gen::identifier("") == "value");
}

TEST_CASE("what is not a character of a line stays out of C++", "[gen]") {
  CHECK(gen::literal("a\"b\\c\n?") == "\"a\\\"b\\\\c\\012\\?\"");
  CHECK(gen::one_line("a\nb\x1b[1m \xE2\x80\xAE x\\ \\") == "a bU+001B[1m U+202E x");
  CHECK(gen::one_line("what?\?/") == "what? ?/");
  CHECK(gen::printable("\xFF") == "\\xFF");
}

TEST_CASE("a namespace that is taken is refused with the reason", "[gen]") {
  for (const char* good : {"commands", "users", "api::v1", "a1"}) {
    INFO(good);
    CHECK(gen::why_no_namespace(good).empty());
  }
  for (const char* bad :
       {"", "std", "std::mine", "posix", "shmbus", "shmbus::api", "time", "stat", "signal", "index",
        "class", "NULL", "linux", "a::", "::a", "a:b", "1a", "a; int x", "a::errno"}) {
    INFO(bad);
    CHECK_FALSE(gen::why_no_namespace(bad).empty());
  }
  const TempFolder folder;
  const auto file = folder.path() + "/a.yaml";
  std::ofstream(file) << document("{ type: boolean }");
  const auto ran = run_tool({"gen", file, "--namespace", "time"});
  CHECK(ran.code == 64);
  has(ran.err, "'time' is a name of the C library");
  const auto onto_itself = run_tool({"gen", file, "-o", file});
  CHECK(onto_itself.code == 64);
  has(onto_itself.err, "-o names the document itself");
}

namespace {

constexpr const char* system_headers =
    "#include <bits/stdc++.h>\n#include <fcntl.h>\n#include <netdb.h>\n#include <netinet/in.h>\n"
    "#include <poll.h>\n#include <pthread.h>\n#include <sys/mman.h>\n#include <sys/param.h>\n"
    "#include <sys/socket.h>\n#include <sys/stat.h>\n#include <sys/wait.h>\n#include <syslog.h>\n"
    "#include <termios.h>\n#include <unistd.h>\n";

/// A document with one object and one enum that use all of these names, also as types and commands.
std::string named(const std::vector<std::string>& names) {
  std::string properties;
  std::string values;
  std::string components;
  std::string paths;
  for (const auto& name : names) {
    const auto quoted = "\"" + name + "\"";
    properties += "        " + quoted + ": { $ref: \"#/components/schemas/" + name + "\" }\n";
    values += quoted + ", ";
    components += "    " + quoted + ": { type: object, properties: { " + quoted +
                  ": { type: boolean }, other: { type: integer } } }\n";
    paths += "  \"/" + name + "\":\n    post:\n      operationId: " + quoted +
             "\n      requestBody: { content: { application/json: { schema: { $ref: "
             "\"#/components/schemas/" +
             name + "\" } } } }\n";
  }
  return "openapi: 3.0.0\npaths:\n" + paths +
         "  /all: { post: { operationId: all, requestBody: { content: { application/json: { "
         "schema: { "
         "$ref: \"#/components/schemas/All\" } } } } } }\ncomponents:\n  schemas:\n    Kind: { "
         "type: "
         "string, enum: [" +
         values +
         "] }\n    All:\n      type: object\n      properties:\n        Kind: { $ref: "
         "\"#/components/schemas/Kind\" }\n" +
         properties + components;
}

}  // namespace

TEST_CASE("keywords, macros and names of std and shmbus compile wherever they stand", "[gen]") {
  const auto header = header_of(named(
      {"NULL",     "SIGINT",   "EOF",     "errno",    "linux",   "class",  "int",     "std",
       "shmbus",   "string",   "Nothing", "size_t",   "int64_t", "true",   "EINVAL",  "stdin",
       "st_mtime", "commands", "Command", "Optional", "INT_MAX", "s_addr", "h_errno", "assert",
       "major",    "TRUE",     "_Exit",   "a__b",     "co_await"}));
  // Before and after all system headers: the macros are there in one of them.
  CHECK(compile_errors("#include \"api.hpp\"\n" + std::string(system_headers) +
                           "commands::All all; commands::Kind kind = commands::Kind::NULL_;\n"
                           "int main() { return all.errno_.has_value() || kind == "
                           "commands::Kind::SIGINT_; }\n",
                       {{"api.hpp", header}}) == "");
  CHECK(compile_errors(std::string(system_headers) + "#include \"api.hpp\"\n",
                       {{"api.hpp", header}}) == "");
}

TEST_CASE("a member may be called like any type, and a type like any member", "[gen]") {
  const auto c20 = header_of(document(
      "{ $ref: \"#/components/schemas/Q\" }",
      "components:\n  schemas:\n    Status: { type: string, enum: [up, down] }\n"
      "    Other: { type: object, required: [Q, std], properties: { Q: { type: integer }, std: { "
      "type: integer }, shmbus: { type: integer }, after: { type: string, maxLength: 3 } } }\n"
      "    Q: { type: object, required: [Status, Other], properties: { Status: { $ref: "
      "\"#/components/schemas/Status\" }, Other: { $ref: \"#/components/schemas/Other\" }, again: "
      "{ "
      "$ref: \"#/components/schemas/Status\" }, Q: { type: boolean } } }\n"));
  INFO(c20);
  CHECK(compile_errors(c20) == "");
}

TEST_CASE("names that become the same are kept apart", "[gen]") {
  const auto text =
      header_of(document("{ type: object, properties: { a-b: { type: boolean }, a_b: { type: "
                         "boolean }, \"a b\": { type: "
                         "string, enum: [x-y, x_y, \"x y\", x-y] } } }"));
  has(text, "bool> a_b{};");
  has(text, "bool> a_b_2{};");
  has(text, " a_b_3{};");
  has(text, "  x_y_2 = 1,");
  has(text, "  x_y_3 = 2,\n};");
  CHECK(compile_errors(text) == "");
  // A component keeps its name when a type without one would get the same.
  const auto both = header_of(
      document("{ type: object, properties: { a: { $ref: \"#/components/schemas/A\" }, b: { $ref: "
               "\"#/components/schemas/AKind\" } } }",
               "components: { schemas: { A: { type: object, properties: { kind: { type: string, "
               "enum: [x] } } "
               "}, AKind: { type: string, enum: [y] } } }\n"));
  has(both, "enum class AKind_2 : ::std::uint8_t {\n  x = 0,");
  has(both, "enum class AKind : ::std::uint8_t {\n  y = 0,");
  CHECK(compile_errors(both) == "");
}

TEST_CASE("names may be chosen in the document", "[gen]") {
  const auto text =
      header_of(document("{ type: string, enum: [\"+\", \"-\"], x-enum-varnames: [plus, minus] }"));
  has(text, "  /// \"+\" in the document\n  plus = 0,");
}

TEST_CASE("hostile text of a document stays text", "[gen]") {
  const auto text = header_of(document(
      "{ type: object, description: \"*/ \\n int x; \\\\\", properties: { a: { type: boolean, "
      "description: \"what?\?/\" }, b: { type: string, enum: [\"\\u202e evil\\\\\"], description: "
      "\"\\u202e\" } } }"));
  INFO(text);
  CHECK(text.find("\xE2\x80\xAE") == std::string::npos);
  CHECK(compile_errors(text) == "");
  gen::Document named_badly(document("{ type: boolean }"), "a\\\nint x; // \".yaml");
  CHECK(compile_errors(gen::emit_commands(named_badly.read({}))) == "");
}

TEST_CASE("an enum of more values than the library looks for says so", "[gen]") {
  std::string values;
  for (int i = 0; i < 300; ++i) values += "v" + std::to_string(i) + ", ";
  const auto text = header_of(document("{ type: string, enum: [" + values + "] }"));
  has(text, "enum class ABRequest : ::std::uint16_t {");
  has(text, "inline constexpr int shmbus::enum_max<::commands::ABRequest> = 299;");
  CHECK(compile_errors(text +
                       "static_assert(shmbus::detail::enumerators<commands::ABRequest>.size()"
                       " == 300);\n") == "");
}

TEST_CASE("a component that is no struct is one type wherever it is named", "[gen]") {
  const auto text = header_of(document(
      "{ type: object, required: [a, b], properties: { a: { $ref: \"#/components/schemas/Tags\" }, "
      "b: "
      "{ $ref: \"#/components/schemas/Tags\" }, c: { $ref: \"#/components/schemas/Names\" }, d: { "
      "$ref: \"#/components/schemas/Names\" } } }",
      "components: { schemas: { Tags: { type: array, maxItems: 3, items: { type: object, required: "
      "[n], properties: { n: { type: integer } } } }, Names: { type: object, maxProperties: 2, "
      "propertyNames: { maxLength: 8 }, additionalProperties: { type: string, enum: [x] } } } "
      "}\n"));
  has(text, "::shmbus::Vector<::commands::TagsItem, 3> a{};");
  has(text, "::shmbus::Vector<::commands::TagsItem, 3> b{};");
  CHECK(text.find("TagsItem_2") == std::string::npos);
  has(text, "Optional<::shmbus::Vector<::commands::NamesEntry, 2>> d{};");
  CHECK(compile_errors(text) == "");
}
