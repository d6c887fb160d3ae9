// shmbus serve: programs as handlers, in processes as users start them.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/program.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// `shmbus serve NAME OPTIONS... -- WORDS...` beside the test.
class Serve {
 public:
  Serve(const std::string& name, std::vector<std::string> options, std::vector<std::string> words)
      : bus_(open()) {
    std::vector<std::string> all{SHMBUS_BIN_DIR "/shmbus", "--bus", path_.path(), "serve", name};
    all.insert(all.end(), options.begin(), options.end());
    all.push_back("--");
    all.insert(all.end(), words.begin(), words.end());
    process_ = test::start_program(all, {out(), err()});
    const auto ready = bus_.wait_until_available(name, 20s);
    if (!ready) FAIL(test::read_whole_file(err()));
  }
  Bus& bus() noexcept { return bus_; }
  test::Child& process() noexcept { return process_; }
  [[nodiscard]] std::string errors() const { return test::read_whole_file(err()); }
  [[nodiscard]] std::string file(const std::string& name) const {
    return folder_.path() + "/" + name;
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_.path(); }

  Result<std::string> call(const std::string& name, std::string_view text, Duration timeout = 20s) {
    auto caller = bus_.caller(std::string_view(name));
    if (!caller) return tl::unexpected<Error>(caller.error());
    std::string reply(65536, '\0');
    const auto bytes =
        caller->call(test::bytes_of(text), std::as_writable_bytes(std::span(reply)), timeout);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    reply.resize(*bytes);
    return reply;
  }

 private:
  Bus open() {
    auto bus = Bus::open(path_.path(), {.label = "test"});
    if (!bus) FAIL(test::describe(bus.error()));
    return std::move(*bus);
  }
  [[nodiscard]] std::string out() const { return file("out"); }
  [[nodiscard]] std::string err() const { return file("err"); }
  test::TempBus path_;
  test::TempFolder folder_;
  Bus bus_;
  test::Child process_;
};

/// The pid that a program has written there, once it has.
pid_t pid_in(const std::string& file) {
  pid_t pid = 0;
  (void)test::eventually(
      [&] {
        std::ifstream in(file);
        std::string word;
        char end = 0;
        if (in >> word && in.get(end) && end == '\n') pid = std::stoi(word);  // patterns: our own
        return pid != 0;
      },
      20s);
  return pid;
}

bool gone(pid_t pid) {
  return test::eventually(
      [pid] {
        if (::kill(pid, 0) != 0) return true;
        const auto stat = test::read_whole_file("/proc/" + std::to_string(pid) + "/stat");
        return stat.empty() || stat.find(") Z ") != std::string::npos;
      },
      20s);
}

}  // namespace

TEST_CASE("a program gets the request and gives the reply, byte by byte", "[serve-command]") {
  Serve serve("upper", {}, {"tr", "a-z", "A-Z"});
  const auto reply = serve.call("upper", "hello\n");
  REQUIRE_OK(reply);
  CHECK(*reply == "HELLO\n");
  const std::string large(40'000, 'x');
  const auto much = serve.call("upper", large);
  REQUIRE_OK(much);
  CHECK(*much == std::string(40'000, 'X'));
}

TEST_CASE("with a schema the program reads and writes JSON", "[serve-command]") {
  const std::string schema = "{n:u32@0,s:str8@4}16/4->u64";
  Serve serve("count", {"--schema", schema},
              {"sh", "-c", R"(read line; case $line in *'"n":7'*) echo 42;; *) echo no;; esac)"});
  const auto right =
      test::run_tool({"--bus", serve.path(), "call", "count", R"({"n": 7, "s": "a"})"});
  CHECK(right.code == 0);
  CHECK(right.out == "42\n");
  const auto wrong =
      test::run_tool({"--bus", serve.path(), "call", "count", R"({"n": 8, "s": "a"})"});
  CHECK(wrong.code == static_cast<int>(ErrorKind::rejected));
  CHECK(wrong.err.find("code 125") != std::string::npos);
  const auto described = test::run_tool({"--bus", serve.path(), "describe", "count", "--json"});
  CHECK(nlohmann::json::parse(described.out)["name"]["schema"] == schema);
}

TEST_CASE("an exit code is the refusal, with the escaped end of what was said", "[serve-command]") {
  Serve serve("refuse", {},
              {"sh", "-c", R"(echo first >&2; printf 'no \033[31mway\n' >&2; exit 3)"});
  const auto reply = serve.call("refuse", "");
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().kind == ErrorKind::rejected);
  CHECK(reply.error().code == 3);
  CHECK(reply.error().message.view() == "no \\x1b[31mway");
  CHECK(test::eventually([&] { return !serve.errors().empty(); }));
  CHECK(serve.errors().find('\033') == std::string::npos);
  CHECK(serve.errors().find("code 3: no \\x1b[31mway") != std::string::npos);
}

TEST_CASE("no shell looks at the words, and a program that is not there is told at once",
          "[serve-command]") {
  Serve serve("echo", {}, {"printf", "%s", "$HOME; `id` *"});
  const auto reply = serve.call("echo", "");
  REQUIRE_OK(reply);
  CHECK(*reply == "$HOME; `id` *");
  const auto missing = test::run_tool({"--bus", serve.path(), "serve", "x", "--", "no-such-thing"});
  CHECK(missing.code == static_cast<int>(ErrorKind::invalid_argument));
  CHECK(missing.err.find("no-such-thing") != std::string::npos);
}

TEST_CASE("the environment has the name, the deadline and the trace", "[serve-command]") {
  Serve serve("env", {}, {"sh", "-c", R"(echo "$SHMBUS_NAME|$SHMBUS_DEADLINE|$TRACEPARENT")"});
  const Span span(serve.bus(), "work", {.sample = Sample::always});
  const auto reply = serve.call("env", "", 15s);
  REQUIRE_OK(reply);
  CHECK(reply->starts_with("env|1"));
  CHECK(reply->find("|00-") != std::string::npos);
  CHECK(reply->find('.') != std::string::npos);
}

TEST_CASE("too much output is refused, and the program ended", "[serve-command]") {
  Serve serve("flood", {"--output-limit", "10K", "--grace", "10s"}, {"yes"});
  const auto reply = serve.call("flood", "");
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code == 125);
}

TEST_CASE("what takes too long is ended with its whole group, by force if need be",
          "[serve-command]") {
  const bool stubborn = GENERATE(false, true);
  test::TempFolder folder;
  const std::string trap = stubborn ? "trap '' TERM; " : "";
  const auto file = folder.path() + "/pids";
  Serve serve("slow", {"--time-limit", "300ms", "--grace", "200ms"},
              {"sh", "-c", trap + "sleep 1000 & echo $! > " + file + "; sleep 1000; sleep 1000"});
  const test::Stopwatch watch;
  const auto reply = serve.call("slow", "");
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code == 124);
  CHECK(watch.ms() >= 300);
  CHECK(gone(pid_in(file)));
}

TEST_CASE("a cancelled call ends its program, and so does the caller's deadline",
          "[serve-command]") {
  const bool by_deadline = GENERATE(false, true);
  test::TempFolder folder;
  const auto file = folder.path() + "/pid";
  Serve serve("slow", {"--grace", "200ms"},
              {"sh", "-c", "echo $$ > " + file + "; exec sleep 1000"});
  auto caller = test::caller_of(serve.bus(), "slow");
  auto pending = caller.start({}, 0, by_deadline ? Duration(500ms) : Duration(60s));
  REQUIRE_OK(pending);
  const auto pid = pid_in(file);
  REQUIRE(pid > 0);
  if (!by_deadline) pending->cancel();
  const auto reply = pending->wait();
  CHECK(test::kind(reply) == (by_deadline ? ErrorKind::timed_out : ErrorKind::rejected));
  CHECK(gone(pid));
}

TEST_CASE("as many programs run at a time as there are workers", "[serve-command]") {
  test::TempFolder folder;
  Serve serve("slow", {"--workers", "3", "--parallel"},
              {"sh", "-c", "echo $$ > " + folder.path() + "/$$; sleep 1000"});
  auto caller = test::caller_of(serve.bus(), "slow");
  std::vector<Pending> pending;
  for (int i = 0; i < 5; ++i) {
    auto one = caller.start({}, 0, 60s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  const auto running = [&] {
    return std::distance(std::filesystem::directory_iterator(folder.path()), {});
  };
  CHECK(test::eventually([&] { return running() == 3; }, 20s));
  test::nap(200ms);
  CHECK(running() == 3);
  const auto described = test::run_tool({"--bus", serve.path(), "describe", "slow"});
  CHECK(described.out.find("3 of 3 busy, the oldest command has run for") != std::string::npos);
  const auto top = test::run_tool(
      {"--bus", serve.path(), "top", "--count", "1", "--interval", "50ms", "--json"});
  CHECK(nlohmann::json::parse(top.out)["workers"][0]["busy"] == 3);
}

TEST_CASE("nothing is left when the tool ends, is told to end, or is killed", "[serve-command]") {
  const int how = GENERATE(SIGTERM, SIGKILL);
  test::TempFolder folder;
  const auto file = folder.path() + "/pid";
  Serve serve("slow", {"--grace", "500ms"},
              {"sh", "-c", "echo $$ > " + file + "; exec sleep 1000"});
  auto caller = test::caller_of(serve.bus(), "slow");
  auto pending = caller.start({}, 0, 60s);
  REQUIRE_OK(pending);
  const auto pid = pid_in(file);
  REQUIRE(pid > 0);
  serve.process().signal(how);
  const int end = serve.process().wait();
  CHECK(end == (how == SIGTERM ? 0 : test::ended_by(SIGKILL)));
  CHECK(test::kind(pending->wait()) ==
        (how == SIGTERM ? ErrorKind::rejected : ErrorKind::handler_died_after_start));
  CHECK(gone(pid));
}

TEST_CASE("a program that reads nothing, or leaves others with its output, is no trouble",
          "[serve-command]") {
  test::TempFolder folder;
  const auto file = folder.path() + "/pid";
  Serve serve("short", {}, {"sh", "-c", "sleep 1000 & echo $! > " + file + "; echo done"});
  const auto reply = serve.call("short", std::string(60'000, 'x'));
  REQUIRE_OK(reply);
  CHECK(*reply == "done\n");
  CHECK(gone(pid_in(file)));
}
