// top, heat and hist as their users meet them: on a terminal with keys, in a pipe, and as JSON,
// over a handler whose times are known.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;
using nlohmann::json;

namespace {

constexpr auto slow_time = 5ms;

/// A handler, and a caller that calls a quick command, a slow one and one that refuses, for ever.
class Works {
 public:
  Works()
      : handler_(
            handler_process(place_.path(),
                            handlers({{"quick", [](Context& c) { return answer(c, c.request()); }},
                                      {"slow",
                                       [](Context&) {
                                         nap(slow_time);
                                         return Status::ok();
                                       }},
                                      {"refuse", [](Context&) { return Status::reject(7, "no"); }},
                                      {"idle", [](Context&) { return Status::ok(); }}}),
                            {.label = "works"})),
        caller_([this] { return call_for_ever(); }) {
    const auto bus = open_when_served(place_.path(), "idle");
    // Until there is something to be seen of each.
    REQUIRE(eventually(
        [&] {
          return tool({"describe", "slow"}).out.find("p99") != std::string::npos &&
                 samples("slow") > 0;
        },
        60s));
  }
  [[nodiscard]] Ran tool(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--bus", place_.path()});
    return run_tool(std::move(arguments));
  }
  [[nodiscard]] json tool_json(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const auto ran = tool(std::move(arguments));
    INFO(ran.out << ran.err);
    CHECK(ran.code == 0);
    return json::parse(ran.out);
  }
  [[nodiscard]] std::uint64_t samples(const std::string& name) const {
    return tool_json({"hist", name})["samples"];
  }
  [[nodiscard]] const std::string& path() const { return place_.path(); }
  [[nodiscard]] pid_t caller() const { return caller_.pid(); }

 private:
  int call_for_ever() {
    auto bus = Bus::open(place_.path(), {.label = "customer"});
    if (!bus || !bus->wait_until_available("idle", 10s)) return 1;
    auto quick = bus->caller("quick");
    auto slow = bus->caller("slow");
    auto refuse = bus->caller("refuse");
    for (std::uint64_t i = 0;; ++i) {
      std::uint64_t reply = 0;
      for (int n = 0; n < 10; ++n) {
        if (!quick->call(raw(i), raw(reply)) || reply != i) return 2;
      }
      nap(1ms);  // the handler falls asleep: what wakes it is always timed
      if (!slow->call({}, {})) return 3;
      if (refuse->call({}, {})) return 4;
    }
  }
  TempBus place_;
  Child handler_;
  Child caller_;
};

/// A program on a terminal of its own, 100 columns wide.
class OnTerminal {
 public:
  explicit OnTerminal(std::vector<std::string> words) {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ::grantpt(master_);
    ::unlockpt(master_);
    const winsize size{30, 100, 0, 0};
    ::ioctl(master_, TIOCSWINSZ, &size);
    const std::string name = ::ptsname(master_);
    child_ = Child([&] {
      ::setsid();
      const int side = ::open(name.c_str(), O_RDWR);
      ::dup2(side, STDIN_FILENO);
      ::dup2(side, STDOUT_FILENO);
      ::setenv("TERM", "xterm-256color", 1);
      ::unsetenv("NO_COLOR");
      std::vector<char*> argv;
      for (auto& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      return 127;
    });
  }
  ~OnTerminal() { ::close(master_); }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  /// Forgets what was shown so far, presses keys, and waits until `part` is shown.
  bool press(const std::string& keys, const std::string& part) {
    (void)read_for(0ms);
    seen_.clear();
    (void)!::write(master_, keys.data(), keys.size());
    return shows(part);
  }
  bool shows(const std::string& part) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (seen_.find(part) == std::string::npos) {
      if (std::chrono::steady_clock::now() > until) return false;
      (void)read_for(50ms);
    }
    return true;
  }
  /// What came since the last key, also what comes during that time.
  const std::string& read_for(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    do {
      pollfd input{master_, POLLIN, 0};
      std::array<char, 4096> part{};
      if (::poll(&input, 1, static_cast<int>(time.count() / 4)) > 0) {
        const ssize_t n = ::read(master_, part.data(), part.size());
        if (n <= 0) break;
        seen_.append(part.data(), static_cast<std::size_t>(n));
      }
    } while (std::chrono::steady_clock::now() < until);
    return seen_;
  }
  void signal(int number) const { child_.signal(number); }
  int wait() { return child_.wait(20s); }

 private:
  int master_ = -1;
  std::string seen_;
  Child child_;
};

std::vector<std::string> names_of(const json& rows, const char* key = "name") {
  std::vector<std::string> out;
  for (const auto& row : rows) out.push_back(row[key]);
  return out;
}

json row_of(const json& rows, const char* key, const std::string& value) {
  for (const auto& row : rows) {
    if (row[key] == value) return row;
  }
  return {};
}

}  // namespace

TEST_CASE("top: figures of the last interval, by command and by process") {
  const Works works;
  const auto seen = works.tool_json({"top", "--count", "1", "--interval", "1s"});
  const auto quick = row_of(seen["names"], "name", "quick");
  const auto refuse = row_of(seen["names"], "name", "refuse");
  CHECK(quick["rate_per_s"] > 0.0);
  CHECK(quick["errors_per_s"] == 0.0);
  CHECK(quick["rate_per_s"] > refuse["rate_per_s"]);
  CHECK(refuse["errors_per_s"].get<double>() ==
        Approx(refuse["rate_per_s"].get<double>()).epsilon(0.3));
  CHECK(row_of(seen["names"], "name", "idle")["rate_per_s"] == 0.0);

  const auto customer = row_of(seen["processes"], "label", "customer");
  const auto handler = row_of(seen["processes"], "label", "handler process");
  CHECK(customer["pid"] == works.caller());
  CHECK(customer["calls_per_s"] > 0.0);
  CHECK(customer["served_per_s"] == 0.0);
  CHECK(handler["served_per_s"] > 0.0);
  CHECK(handler["calls_per_s"] == 0.0);
  // The slow calls are always recorded: the slowest round trip took what its handler takes.
  CHECK(customer["round_trip"]["max_ns"] > 4'500'000);
  CHECK(customer["errors_per_s"] > 0.0);
}

TEST_CASE("top: sorted and filtered, plain in a pipe") {
  const Works works;
  const auto sorted_by = [&](const char* key) {
    const auto seen =
        works.tool_json({"top", "--count", "1", "--interval", "800ms", "--sort", key});
    return names_of(seen["names"]);
  };
  CHECK(sorted_by("rate").front() == "quick");
  CHECK(sorted_by("errors").front() == "refuse");
  CHECK(sorted_by("name") == std::vector<std::string>{"idle", "quick", "refuse", "slow"});
  const auto filtered =
      works.tool_json({"top", "--count", "1", "--interval", "50ms", "--filter", "low"});
  CHECK(names_of(filtered["names"]) == std::vector<std::string>{"slow"});
  CHECK(works.tool({"top", "--sort", "colour"}).code == 64);

  const auto plain = works.tool({"top", "--count", "3", "--interval", "50ms"}).out;
  CHECK(plain.find('\x1b') == std::string::npos);
  CHECK(plain.find("HISTORY") != std::string::npos);
  CHECK(plain.find("▁") != std::string::npos);
  CHECK(works.tool({"top", "--count", "1", "--interval", "50ms", "--by", "process"})
            .out.find("SERVED/s") != std::string::npos);
}

TEST_CASE("top: keys") {
  const Works works;
  OnTerminal top({SHMBUS_BIN_DIR "/shmbus", "top", "--interval", "100ms", "--bus", works.path()});
  REQUIRE(top.shows("by rate"));
  CHECK(top.press("e", "by errors"));
  CHECK(top.press("h", "space pause"));
  CHECK(top.press("h", "by errors"));
  CHECK(top.press("/", "filter: _"));
  CHECK(top.press("sl\x7flo", "filter: slo_"));
  CHECK(top.press("\r", "only *slo*"));
  CHECK(top.read_for(300ms).find("quick") == std::string::npos);
  CHECK(top.press("c", "SERVED/s"));
  CHECK(top.press("c/\x1b", "refuse"));
  CHECK(top.press(" ", "PAUSED"));
  (void)top.read_for(300ms);
  (void)top.press("", "");
  CHECK(top.read_for(500ms).empty());  // nothing moves
  CHECK(top.press(" ", "by errors"));
  CHECK(top.press("q", "\x1b[?1049l"));  // the screen is given back
  CHECK(top.wait() == 0);

  OnTerminal interrupted({SHMBUS_BIN_DIR "/shmbus", "top", "--bus", works.path()});
  REQUIRE(interrupted.shows("looking"));
  interrupted.signal(SIGINT);
  CHECK(interrupted.shows("\x1b[?1049l"));
  CHECK(interrupted.wait() == 0);
}

TEST_CASE("heat: a column for each interval, a row for each octave") {
  const Works works;
  const TempFolder folder;
  const std::string svg = folder.path() + "/heat.svg";
  const auto seen =
      works.tool_json({"heat", "slow", "--interval", "500ms", "--count", "6", "--svg", svg});
  REQUIRE(seen["columns"].size() == 6);
  std::uint64_t found = 0;
  for (const auto& column : seen["columns"]) {
    for (const auto& row : column["rows"]) {
      // 5 ms and more; a sleep never ends early.
      CHECK(row["low_ns"] >= 4'194'304);
      found += row["count"].get<std::uint64_t>();
    }
  }
  CHECK(found > 0);
  const auto drawn = read_whole_file(svg);
  CHECK(drawn.starts_with("<svg "));
  CHECK(drawn.find("slow: time in the handler") != std::string::npos);
  CHECK(drawn.find("<title>") != std::string::npos);
  CHECK(drawn.ends_with("</svg>\n"));

  const auto plain = works.tool({"heat", "slow", "--interval", "200ms", "--count", "4"});
  CHECK(plain.code == 0);
  CHECK(plain.out.find('\x1b') == std::string::npos);
  CHECK(plain.out.find("4.2ms |") != std::string::npos);
  CHECK(works.tool({"heat", "nothing", "--count", "1"}).code == 1);
  CHECK(works.tool({"heat", "slow", "--interval", "10ms", "--count", "1", "--svg", "/no/such/x"})
            .code == 13);

  OnTerminal live(
      {SHMBUS_BIN_DIR "/shmbus", "heat", "slow", "--interval", "300ms", "--bus", works.path()});
  CHECK(live.shows("\x1b[48;5;"));
  CHECK(live.press("q", "\x1b[?1049l"));
  CHECK(live.wait() == 0);
}

TEST_CASE("hist: percentiles, a picture, and a comparison") {
  const Works works;
  const TempFolder folder;
  const auto saved = works.tool_json({"hist", "slow"});
  std::uint64_t samples = 0;
  for (const auto& bucket : saved["buckets"]) samples += bucket["count"].get<std::uint64_t>();
  CHECK(saved["samples"] == samples);
  CHECK(saved["percentiles_ns"]["p50"] > 4'600'000);  // 5 ms less the error of a bucket
  CHECK(saved["percentiles_ns"]["max"] >= saved["percentiles_ns"]["p50"]);

  const std::string file = folder.path() + "/before.json";
  std::ofstream(file) << works.tool_json({"hist", "quick"}).dump();
  const auto compared = works.tool({"hist", "slow", "--compare", file});
  INFO(compared.out);
  CHECK(compared.code == 0);
  CHECK(compared.out.find("CHANGE") != std::string::npos);
  CHECK(compared.out.find("####") != std::string::npos);
  CHECK(compared.out.find("-----") != std::string::npos);
  CHECK(compared.out.find('\x1b') == std::string::npos);
  CHECK(compared.out.find("+") != std::string::npos);  // slower than the quick one
  CHECK(works.tool_json({"hist", "slow", "--compare", file})["before"]["samples"] > 0);

  const auto recent = works.tool_json({"hist", "idle", "--over", "50ms"});
  CHECK(recent["samples"] == 0);
  CHECK(works.tool({"hist", "idle"}).code == 0);
  CHECK(works.tool({"hist", "nothing"}).code == 1);
  std::ofstream(file) << "{\"buckets\": [3]}";
  CHECK(works.tool({"hist", "slow", "--compare", file}).code == 13);
  CHECK(works.tool({"hist", "slow", "--compare", "/no/such/file"}).code == 13);
}
