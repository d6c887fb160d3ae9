// The static probes: that they stand in a program that links the library, as documented, and that
// bpftrace counts at them what the bus counts. The second needs root, bpftrace and a kernel with
// uprobes; without them it says so and is shown as skipped.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/probes.hpp"
#include "cli/probe_notes.hpp"
#include "inspect/snapshot.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr std::uint64_t calls = 400;
constexpr std::uint64_t sends = 25;

const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();

/// The table of docs/observability.md: name, arguments.
const std::map<std::string, std::size_t> documented{
    {"publish", 6}, {"answer", 6}, {"take", 5},     {"start", 3},     {"reply", 4},  {"park", 3},
    {"unpark", 3},  {"wake", 3},   {"register", 3}, {"take_over", 4}, {"recover", 3}};

bool skipped(const std::string& why) {
  std::printf("SKIPPED: %s\n", why.c_str());
  return true;
}

bool without_probes() {
#if defined(SHMBUS_HAS_PROBES)
  return false;
#else
  return skipped("built without sys/sdt.h: there are no probes");
#endif
}

/// Tries the smallest script with a uprobe in it.
bool without_bpftrace() {
  if (without_probes()) return true;
  if (::geteuid() != 0) return skipped("bpftrace needs root");
  if (::access("/usr/bin/bpftrace", X_OK) != 0) return skipped("no /usr/bin/bpftrace");
  const auto tried =
      run_program({"/usr/bin/bpftrace", "-e",
                   "usdt:" + self + ":shmbus:recover { @ = count(); } interval:ms:1 { exit(); }"});
  if (tried.code != 0) return skipped("bpftrace does not work here: " + tried.err);
  return false;
}

/// A process that runs a program, its output in a file; `ready` is waited for there.
class Tracer {
 public:
  Tracer(std::vector<std::string> arguments, const std::string& ready) {
    child_ = Child([&] {
      const std::string out = out_path();
      const std::string err = folder_.path() + "/err";
      if (std::freopen(out.c_str(), "w", stdout) == nullptr) return 1;
      if (std::freopen(err.c_str(), "w", stderr) == nullptr) return 1;
      std::vector<char*> argv;
      for (auto& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      return 127;
    });
    REQUIRE(eventually([&] { return read_whole_file(out_path()).find(ready) != std::string::npos; },
                       30s));
  }
  /// Ends it as a user does, and returns what it printed.
  std::string end() {
    child_.signal(SIGINT);
    CHECK(child_.wait(60s) == 0);
    return read_whole_file(out_path());
  }

 private:
  [[nodiscard]] std::string out_path() const { return folder_.path() + "/out"; }
  TempFolder folder_;
  Child child_;
};

/// The maps of `bpftrace -f json`, by name.
std::map<std::string, nlohmann::json> maps_in(const std::string& text) {
  std::map<std::string, nlohmann::json> maps;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto value = nlohmann::json::parse(line, nullptr, false);
    if (!value.is_object()) continue;
    const auto type = value.value("type", "");
    if (type != "map" && type != "hist") continue;
    for (const auto& [name, map] : value["data"].items()) maps[name] = map;
  }
  return maps;
}

/// Of a map of numbers, or of histograms: all that was counted.
std::uint64_t total(const nlohmann::json& map) {
  if (map.is_number()) return map.get<std::uint64_t>();
  std::uint64_t sum = 0;
  if (map.is_array()) {
    for (const auto& bucket : map) sum += bucket.value("count", std::uint64_t{0});
  }
  if (map.is_object()) {
    for (const auto& [key, value] : map.items()) sum += total(value);
  }
  return sum;
}

const std::string ready_line = "up_and_counting";

Setup echo_and_note() {
  return handlers(
      {{"probed.echo", [](Context& context) { return answer(context, context.request()); }},
       {"probed.note", [](Context&) { return Status::ok(); }},
       {"probed.no", [](Context&) { return Status::reject(3, "no"); }}});
}

/// Calls, refused calls, one-way commands; some at once, some after the handler fell asleep.
void traffic(Bus& bus) {
  auto echo = caller_of(bus, "probed.echo");
  auto no = caller_of(bus, "probed.no");
  auto note = caller_of(bus, "probed.note");
  std::array<std::byte, 40> into{};
  for (std::uint64_t i = 0; i < calls; ++i) {
    REQUIRE_OK(echo.call(raw(i), into));
    if (i % 16 == 0) nap(2ms);
  }
  for (std::uint64_t i = 0; i < sends; ++i) {
    CHECK(kind(no.call({}, into)) == ErrorKind::rejected);
    REQUIRE_OK(note.send(raw(i)));
  }
  REQUIRE_OK(echo.call({}, into));  // the same handler: the one-way commands were run before it
}

std::uint64_t commands_of(const TempBus& path, const std::string& name) {
  const auto snapshot = inspect::take_snapshot(path.path());
  REQUIRE_OK(snapshot);
  const auto* found = snapshot->name(name);
  REQUIRE(found != nullptr);
  return found->commands;
}

}  // namespace

TEST_CASE("every documented probe stands in the program, with its arguments") {
  if (without_probes()) return;
  std::set<std::string> found;
  for (const auto& note : cli::read_probe_notes(self)) {
    INFO(note.name << ": " << note.arguments);
    const auto known = documented.find(note.name);
    REQUIRE(known != documented.end());
    CHECK(note.argument_count() == known->second);
    found.insert(note.name);
  }
  for (const auto& [name, arguments] : documented) {
    INFO(name);
    CHECK(found.count(name) == 1);
  }
  CHECK(cli::files_with_probes(static_cast<std::uint32_t>(::getpid())) ==
        std::vector<std::string>{self});
}

TEST_CASE("the documentation lists every probe with so many arguments") {
  const auto text = read_whole_file(SHMBUS_TESTS_DIR "/../docs/observability.md");
  for (const auto& [name, arguments] : documented) {
    INFO(name);
    const auto row = text.find("\n| `" + name + "` | ");
    REQUIRE(row != std::string::npos);
    const auto cells = text.substr(row + 1, text.find('\n', row + 1) - row - 1);
    const auto begin = cells.find(" | ") + 3;
    const auto list = cells.substr(begin, cells.find(" | ", begin) - begin);
    CHECK(static_cast<std::size_t>(std::count(list.begin(), list.end(), ',')) + 1 == arguments);
  }
}

TEST_CASE("files without probes have no notes, and damaged ones do no harm") {
  CHECK(cli::read_probe_notes("/does/not/exist").empty());
  CHECK(cli::read_probe_notes("/proc/self/status").empty());
  const TempFolder folder;
  const auto whole = read_whole_file(self);
  for (const std::size_t size : {std::size_t{10}, std::size_t{64}, whole.size() / 2}) {
    const auto path = folder.path() + "/cut";
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(whole.data(), static_cast<std::streamsize>(size));
    CHECK(cli::read_probe_notes(path).empty());
  }
}

TEST_CASE("shmbus probe says what is missing") {
  const TempBus path;
  const auto nobody = run_tool({"probe", "heat", "--print", "--bus", path.path()});
  CHECK(nobody.code == static_cast<int>(ErrorKind::bus_unusable));
  CHECK(run_tool({"probe", "nothing", "--bus", path.path()}).code == 64);  // wrong usage
  const auto gone = run_tool({"probe", "heat", "--print", "--pid", "4194304"});
  CHECK(gone.code == static_cast<int>(ErrorKind::invalid_argument));
  CHECK(gone.err.find("there is no process 4194304") != std::string::npos);
}

TEST_CASE("the script names processes, files and commands of the bus") {
  if (without_probes()) return;
  const TempBus path;
  const auto handler = handler_process(path.path(), echo_and_note());
  auto bus = open_when_served(path.path(), "probed.no");
  const auto ran = run_tool({"probe", "heat", "--print", "--bus", path.path(), "--for", "2s"});
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  CHECK(ran.out.find("@chosen[(uint64)" + std::to_string(handler.pid()) + "] = ") !=
        std::string::npos);
  CHECK(ran.out.find("usdt:\"" + self + "\":shmbus:publish") != std::string::npos);
  CHECK(ran.out.find("= \"probed.echo\";") != std::string::npos);
  CHECK(ran.out.find("interval:ms:2000") != std::string::npos);
  CHECK(ran.out.find("$1") == std::string::npos);
}

TEST_CASE("bpftrace counts at the probes what the bus counts") {
  if (without_bpftrace()) return;
  const TempBus path;
  std::string script;
  for (const auto* name : {"publish", "take", "start", "reply", "answer", "register"}) {
    script += "usdt:" + self + ":shmbus:" + name + " { @" + name + " = count(); }\n";
  }
  script += "usdt:" + self + ":shmbus:wake { @wake[arg0] = count(); }\n";
  script += "usdt:" + self + ":shmbus:unpark { @unpark[arg0] = count(); }\n";
  script += "usdt:" + self + ":shmbus:answer { @status[arg5] = count(); }\n";
  script += "usdt:" + self + ":shmbus:publish { @bytes = sum(arg4); @one_way[arg5] = count(); }\n";
  script += "interval:ms:50 { printf(\"" + ready_line + "\\n\"); }\n";
  Tracer tracer({"/usr/bin/bpftrace", "-f", "json", "-e", script}, ready_line);
  {
    const auto handler = handler_process(path.path(), echo_and_note());
    auto bus = open_when_served(path.path(), "probed.no");
    traffic(bus);
    auto maps = maps_in(tracer.end());
    const auto all = commands_of(path, "probed.echo") + commands_of(path, "probed.no") +
                     commands_of(path, "probed.note");
    CHECK(all == calls + 1 + 2 * sends);
    for (const auto* name : {"@publish", "@take", "@start"}) {
      INFO(name);
      CHECK(total(maps[name]) == all);
    }
    CHECK(total(maps["@reply"]) == calls + 1 + sends);
    CHECK(total(maps["@answer"]) == calls + 1 + sends);
    CHECK(total(maps["@one_way"]["1"]) == sends);
    CHECK(total(maps["@status"]["0"]) == calls + 1);
    CHECK(total(maps["@status"]["2"]) == sends);  // ErrorKind::rejected
    CHECK(total(maps["@bytes"]) == 8 * (calls + sends));
    CHECK(total(maps["@register"]) == 3);
    CHECK(total(maps["@wake"]["1"]) > 0);  // it slept between the calls
    CHECK(total(maps["@unpark"]["1"]) > 0);
  }
}

TEST_CASE("shmbus probe runs its scripts on the processes of a bus") {
  if (without_bpftrace()) return;
  const TempBus path;
  const auto handler = handler_process(path.path(), echo_and_note());
  auto bus = open_when_served(path.path(), "probed.no");
  const auto run = [&](std::vector<std::string> arguments) {
    std::vector<std::string> all{SHMBUS_BIN_DIR "/shmbus", "--json", "--bus", path.path(), "probe"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    // Attached is what it is some time after it says that it will be.
    Tracer tracer(all, "attached_probes");
    nap(4s);
    traffic(bus);
    return maps_in(tracer.end());
  };
  SECTION("heat") {
    auto maps = run({"heat"});
    CHECK(total(maps["@calls"]) == calls + 1 + sends);
    CHECK(total(maps["@handler"]) == calls + 1 + sends);
    CHECK(maps["@calls"].dump().find("probed.echo") != std::string::npos);
  }
  SECTION("wake") {
    auto maps = run({"wake"});
    CHECK(total(maps["@calls"]) == calls + 1 + sends);
    CHECK(total(maps["@wakes"]) > 0);
    CHECK(total(maps["@until_running"]) > 0);
  }
  SECTION("alloc") {
    auto maps = run({"alloc", "--pid", std::to_string(::getpid())});
    CHECK(total(maps["@calls"]) == calls + 1 + sends);
    CHECK(total(maps["@allocated"]) == 0);
    CHECK(total(maps["@outside"]) > 0);  // the callers of traffic(): the probes at malloc work
  }
}
