// What the tool prints about the format is committed. A difference means that something changed
// which other programs, or other versions, rely on:
//   layout       bump layout_major (or layout_minor, when an older reader may go on), then
//                shmbus layout --defaults > tests/golden/layout.txt
// The completion scripts of packaging/completions are those that the tool prints.
#include <fstream>
#include <regex>

#include "support/catch.hpp"
#include "support/tool.hpp"

namespace {

using shmbus::test::read_whole_file;
using shmbus::test::run_tool;

const std::string root = SHMBUS_TESTS_DIR "/..";

/// Names of the members of every struct in a layout header, but for padding.
std::vector<std::string> members_in(const std::string& path) {
  static const std::regex opens(R"(^struct (alignas\(\w+\) )?\w+ \{.*)");
  static const std::regex member(R"(^  [\w:]+(<.*>)? (\w+)(\{\})?;.*)");
  std::vector<std::string> names;
  std::ifstream file(path);
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_match(line, opens)) inside = true;
    if (line == "};") inside = false;
    if (inside && std::regex_match(line, match, member) && !match[2].str().starts_with("pad")) {
      names.push_back(match[2]);
    }
  }
  return names;
}

}  // namespace

TEST_CASE("the layout is the committed one") {
  const auto ran = run_tool({"layout", "--defaults"});
  REQUIRE(ran.code == 0);
  CHECK(ran.out == read_whole_file(SHMBUS_TESTS_DIR "/golden/layout.txt"));
}

TEST_CASE("the layout names every member of every shared struct") {
  const auto printed = run_tool({"layout", "--defaults"}).out;
  std::size_t seen = 0;
  for (const char* header :
       {"header", "participant", "names", "policy", "endpoint", "lane", "stats", "recorder"}) {
    const auto path = root + "/libshmbus/src/layout/" + header + ".hpp";
    for (const auto& name : members_in(path)) {
      // Histogram holds one array; it is shown where it is used.
      if (name == "bucket") continue;
      INFO(path << ": " << name);
      CHECK(printed.find("  " + name + "\n") != std::string::npos);
      ++seen;
    }
  }
  CHECK(seen > 60);  // the expressions above still match what the headers look like
}

TEST_CASE("the tool prints the completions that are installed") {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const auto ran = run_tool({"completions", shell});
    REQUIRE(ran.code == 0);
    INFO(shell);
    CHECK(ran.out == read_whole_file(root + "/packaging/completions/shmbus." + shell));
  }
}
