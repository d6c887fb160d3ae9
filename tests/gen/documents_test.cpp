// Real documents: the examples of the OpenAPI Initiative, and two that are written as large public
// APIs are. Each gives a header that compiles, or a list of what to mend that is complete.
#include "gen/names.hpp"

#include "gen/support.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

struct Example {
  const char* file;
  std::size_t commands;
  std::size_t groups;  ///< kinds of problems without options
  const char* contains;
};

constexpr Example examples[] = {
    {"petstore.yaml", 3, 1, "::shmbus::Vector<::petstore::Pet, 100>>"},
    {"petstore-expanded.yaml", 4, 2, "\"find pet by id\""},
    {"uspto.yaml", 3, 4, "PerformSearchRequestBody"},
    {"link-example.yaml", 4, 2, "open = 0,"},
    {"callback-example.yaml", 2, 1, "\"onData.post\""},
    {"api-with-examples.yaml", 2, 1, "ListVersionsv2"},
    {"non-oauth-scopes.yaml", 1, 0, "\"users.get\", ::shmbus::Nothing, ::shmbus::Nothing"},
    {"tictactoe.yaml", 3, 0, "::std::array<::std::array<::tictactoe::mark, 3>, 3>"},
    {"webhook-example.yaml", 1, 1, "\"newPet.post\", ::webhook_example::Pet"},
    {"engine.yaml", 5, 5, "::shmbus::Optional<::std::uint16_t> PublicPort{};"},
    {"quality.yaml", 5, 3, "x_correlator{};"},
};

std::string namespace_of(const Example& example) {
  const std::string file = example.file;
  return gen::identifier(file.substr(0, file.find('.')));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("each example becomes a header that compiles", "[gen]") {
  std::string source;
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& example : examples) {
    INFO(example.file);
    auto options = bounded();
    options.name_space = namespace_of(example);
    gen::Document document(read_document(example.file), example.file);
    const auto model = document.read(options);
    CHECK(model.commands.size() == example.commands);
    const auto header = gen::emit_commands(model);
    has(header, example.contains);
    files.emplace_back(options.name_space + ".hpp", header);
    source += "#include \"" + options.name_space + ".hpp\"\n";
    for (const auto& command : model.commands) {
      const auto type = options.name_space + "::" + command.alias;
      source += "static_assert(shmbus::detail::schema_size<" + type + "::Request, " + type +
                "::Reply>() != 0);\n";
    }
  }
  CHECK(compile_errors("#include <shmbus/schema/text.hpp>\n" + source, files) == "");
}

TEST_CASE("the sizes reported are those that the compiler gives", "[gen]") {
  for (const auto& example : examples) {
    auto options = bounded();
    gen::Document document(read_document(example.file), example.file);
    const auto model = document.read(options);
    auto source = gen::emit_commands(model);
    for (const auto& command : model.commands) {
      for (const auto& type : {command.request, command.reply}) {
        source += "static_assert(sizeof(" + type.text + ") == " + std::to_string(type.bytes) +
                  " && alignof(" + type.text + ") == " + std::to_string(type.align) + ");\n";
      }
    }
    INFO(example.file);
    if (&example == &examples[0] || &example == &examples[9]) CHECK(compile_errors(source) == "");
  }
}

TEST_CASE("without options each example tells all that it needs, once", "[gen]") {
  for (const auto& example : examples) {
    INFO(example.file);
    const auto said = refusal(read_document(example.file));
    if (example.groups == 0) {
      CHECK(said == "accepted");
      continue;
    }
    INFO(said);
    CHECK(count(said, "\n  edit: ") == example.groups);
    has(said, "by options, with limits of your choice: --bound-");
  }
}

TEST_CASE("the overlay that is suggested mends the document", "[gen]") {
  for (const auto& example : examples) {
    INFO(example.file);
    const auto text = read_document(example.file);
    gen::Document first(text, example.file);
    try {
      (void)first.read({});
      continue;
    } catch (const gen::Error&) {
    }
    const auto overlay = first.problems().overlay(example.file);
    INFO(overlay);
    gen::Document second(text, example.file);
    second.overlay(overlay, "limits.yaml");
    CHECK(second.read({}).commands.size() == example.commands);
  }
}

TEST_CASE("only what the chosen operations reach is asked for", "[gen]") {
  gen::Options one;
  one.operations = {"get-board"};
  CHECK(model_of(read_document("tictactoe.yaml"), one).commands.size() == 1);

  one.operations = {"deleteSession"};  // needs a UUID and a header of at most 256 bytes
  CHECK(refusal(read_document("quality.yaml"), one) == "accepted");
  one.operations = {"getSession"};
  has(refusal(read_document("quality.yaml"), one), "a string needs maxLength");

  gen::Options tagged = bounded();
  tagged.tags = {"QoS Retrieval"};
  const auto model = model_of(read_document("quality.yaml"), tagged);
  REQUIRE(model.commands.size() == 1);
  CHECK(model.commands[0].name == "retrieveSessionsByDevice");
  CHECK(model.find_struct("CloudEvent") == nullptr);

  one.operations = {"getSesion"};
  has(refusal(read_document("quality.yaml"), one),
      "there is no operation 'getSesion'; there are: createSession, deleteSession, getSession");
  one.operations.clear();
  one.tags = {"none"};
  has(refusal(read_document("quality.yaml"), one), "there is no tag 'none'; there are: QoS");
}

TEST_CASE("the tool chooses, bounds, lists and suggests", "[gen]") {
  const TempFolder folder;
  const auto file = std::string(SHMBUS_TESTS_DIR) + "/gen/documents/quality.yaml";
  const auto listed = run_tool({"gen", file, "--list"});
  CHECK(listed.code == 0);
  has(listed.out, "deleteSession             delete   /sessions/{sessionId}  QoS Sessions\n");

  const auto suggestion = folder.path() + "/limits.yaml";
  const auto refused =
      run_tool({"gen", file, "--tag", "QoS Retrieval", "--suggest-overlay", suggestion});
  CHECK(refused.code == 13);
  has(refused.err, "places to mend before there can be a header");
  const auto mended = run_tool({"gen", file, "--tag", "QoS Retrieval", "--overlay", suggestion});
  INFO(mended.err);
  CHECK(mended.code == 0);
  has(mended.out, "using RetrieveSessionsByDevice =");

  const auto bounded = run_tool({"gen", file, "--operation", "getSession", "--operation",
                                 "deleteSession", "--bound-strings", "40", "--bound-arrays", "4"});
  CHECK(bounded.code == 0);
  has(bounded.out, "::shmbus::String<40>");
  CHECK(count(bounded.out, "using ") == 2);
  CHECK(run_tool({"gen", file, "--bound-strings", "0"}).code == 64);
  CHECK(run_tool({"gen", file, "--bound-strings", "99999999999"}).code == 64);
}

TEST_CASE("a structure of one's own is held against a component alone", "[gen]") {
  const TempFolder folder;
  const auto file = std::string(SHMBUS_TESTS_DIR) + "/gen/documents/tictactoe.yaml";
  const auto ran =
      run_tool({"gen", file, "--check", "status=mine::Status", "--include", "mine.hpp"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  has(ran.out, "member_matches<mine::Status, document::status, 1>()");
  const auto none = run_tool({"gen", file, "--check", "mark=mine::Mark"});
  CHECK(none.code == 13);
  has(none.err, "has no object 'mark'");
}
