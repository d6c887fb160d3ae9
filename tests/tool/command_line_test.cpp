// What could come next in a command line, and which word of one makes no sense.
#include <algorithm>
#include <memory>

#include "cli/commands.hpp"
#include "cli/complete.hpp"
#include "cli/help.hpp"
#include "common/command_line.hpp"
#include "support/catch.hpp"

using namespace shmbus;
using namespace shmbus::cli;

namespace {

constexpr const char* breaks = " \t\n\"'><=;|&(:";

struct Tool {
  Context context;
  std::unique_ptr<CLI::App> app;
  Tool() {
    constexpr std::array commands{add_ls,     add_call,  add_create, add_policy,     add_trace,
                                  add_record, add_bench, add_help,   add_completions};
    app = make_app(context, commands);
  }
};

std::vector<std::string> texts(const Candidates& found) {
  std::vector<std::string> all;
  for (const auto& one : found.all) all.push_back(one.text);
  return all;
}
bool has(const Candidates& found, const std::string& text) {
  const auto all = texts(found);
  return std::find(all.begin(), all.end(), text) != all.end();
}
Candidates next(const std::vector<std::string>& words, const std::string& current) {
  const Tool tool;
  return candidates_for(*tool.app, words, current);
}
std::string senseless(const std::vector<std::string>& words) {
  const Tool tool;
  return what_makes_no_sense(read_command_line(*tool.app, words));
}

}  // namespace

TEST_CASE("completion: commands, options, choices, files") {
  CHECK(has(next({}, ""), "create"));
  CHECK(has(next({"--json", "--bus", "x"}, "c"), "call"));
  CHECK(has(next({"call", "x"}, "--"), "--timeout"));
  CHECK(has(next({"call", "x"}, "--"), "--bus"));
  CHECK_FALSE(has(next({"ls"}, "--"), "--timeout"));
  CHECK(texts(next({"call", "x", "--output"}, "")) ==
        std::vector<std::string>{"auto", "json", "text", "hex", "raw"});
  CHECK(texts(next({"completions"}, "")) == std::vector<std::string>{"bash", "zsh", "fish"});
  CHECK(texts(next({"policy"}, "")) == std::vector<std::string>{"set", "show", "clear"});
  CHECK(next({"call", "x", "--file"}, "").files);
  CHECK(next({"record"}, "").files);
  CHECK_FALSE(next({"record", "file"}, "").files);
  CHECK(has(next({"help"}, ""), "record"));
  CHECK(next({"frobnicate"}, "").all.empty());
  CHECK(next({"ls"}, "").all.empty());
}

TEST_CASE("completion: lines of bash are split without expanding anything") {
  const auto at = [](const std::string& line) { return read_bash_line(line, breaks); };
  auto line = at("shmbus --bus inj call pl");
  CHECK(line.words == std::vector<std::string>{"--bus", "inj", "call"});
  CHECK(line.current == "pl");
  CHECK(bash_insertion(line, "plain.name") == "plain.name");
  CHECK(bash_insertion(line, "pl $(x)") == "pl\\ \\$\\(x\\)");

  line = at("SHMBUS_BUS=x shmbus call \\$\\(tou");
  CHECK(line.words == std::vector<std::string>{"call"});
  CHECK(line.current == "$(tou");
  CHECK(bash_insertion(line, "$(touch x)") == "\\$\\(touch\\ x\\)");

  line = at("shmbus call user:cr");
  CHECK(line.current == "user:cr");
  CHECK(line.kept == "user:");
  CHECK(bash_insertion(line, "user:create") == "create");
  CHECK_FALSE(bash_insertion(line, "other:create"));

  line = at("shmbus call 'it");
  CHECK(line.quote == '\'');
  CHECK(bash_insertion(line, "it $x") == "it $x");
  CHECK_FALSE(bash_insertion(line, "it's"));

  line = at("shmbus call \"it");
  CHECK(bash_insertion(line, "it \"$x\"") == "it \\\"\\$x\\\"");
  CHECK_FALSE(bash_insertion(line, "it!"));

  CHECK_FALSE(at("shmbus call 'a'b").usable);
  CHECK(at("echo x; shmbus ls 'a b' c").words == std::vector<std::string>{"ls", "a b"});
  CHECK(at("shmbus call $(id) ").words.empty());  // behind a parenthesis all is new
  CHECK(at("shmbus call a\\").current == "a");
}

TEST_CASE("a misspelt word is named, with the one that was meant") {
  CHECK(senseless({"lss"}) == "no command 'lss'; did you mean 'ls'?");
  CHECK(senseless({"--json", "recrod", "x"}) == "no command 'recrod'; did you mean 'record'?");
  CHECK(senseless({"creat"}) == "no command 'creat'; did you mean 'create'?");
  CHECK(senseless({"frobnicate"}) == "no command 'frobnicate'");
  CHECK(senseless({"policy", "shw"}) == "no command 'shw'; did you mean 'show'?");
  CHECK(senseless({"call", "x", "--tmeout", "1s"}) ==
        "no option '--tmeout'; did you mean '--timeout'?");
  CHECK(senseless({"ls", "--jsno"}) == "no option '--jsno'; did you mean '--json'?");
  CHECK(senseless({"ls", "--quux"}) == "no option '--quux'");
  CHECK(senseless({"\x1b[31m"}) == "no command '\\x1b[31m'");
  CHECK(senseless({"call", "x", "--timeout", "--tmeout"}).empty());  // it is a value
  CHECK(senseless({"call", "x", "--", "--what"}).empty());
  CHECK(senseless({"ls", "--json"}).empty());
}
