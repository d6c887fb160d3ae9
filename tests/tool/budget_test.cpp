// Every input of the programs has a budget: of bytes, depth, time, connections, and a range.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "prometheus/metrics_daemon.hpp"
#include "shmbus/shmbus.hpp"
#include "support/handler_process.hpp"
#include "support/program.hpp"
#include "telemetry/http_post.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

struct Point {
  double x = 0;
  double y = 0;
};
using Move = Command<"move", Point, Point>;

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A bus with a typed and an untyped command.
class Stage {
 public:
  Stage()
      : handler_(handler_process(place_.path(), [](Bus&, Server& server) {
          return server.on<Move>([](const Point& in, Point& out) { out = in; }) &&
                 server.on("echo", [](Context& c) { return answer(c, c.request()); });
        })) {
    REQUIRE(eventually([&] { return holds(tool({"ls", "--names"}).out, "move"); }));
  }
  [[nodiscard]] Ran tool(std::vector<std::string> arguments, const std::string& input = {}) const {
    arguments.insert(arguments.end(), {"--bus", place_.path()});
    return run_tool(std::move(arguments), input);
  }
  [[nodiscard]] const std::string& path() const { return place_.path(); }

 private:
  TempBus place_;
  Child handler_;
};

}  // namespace

TEST_CASE("budget: files without an end are read no further than they could be used") {
  const Stage stage;
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"call", "echo", "--file", "/dev/zero"}, {"send", "echo", "--file", "/dev/zero"}}) {
    const auto ran = stage.tool(arguments);
    CHECK(ran.code == 9);
    CHECK(holds(ran.err, "/dev/zero has more than"));
    CHECK(holds(ran.err, "--extents"));
  }
  const auto replayed = stage.tool({"replay", "/dev/zero"});
  CHECK(replayed.code == 13);
  CHECK(holds(replayed.err, "is no recording"));
  const auto compared = stage.tool({"hist", "echo", "--compare", "/dev/zero"});
  CHECK(compared.code != 0);
  CHECK(holds(compared.err, "/dev/zero has more than"));
}

TEST_CASE("budget: JSON is read to a depth, and its numbers have a range") {
  const Stage stage;
  for (const std::string& deep :
       {std::string(66'000, '['), std::string(1'000'000, '['), std::string(70, '[')}) {
    const auto ran = stage.tool({"call", "move", "-"}, deep);
    CHECK(ran.code == 13);
    CHECK(holds(ran.err, "64"));  // how deep it may be
  }
  std::string objects;
  for (int i = 0; i < 50'000; ++i) objects += "{\"a\":";
  CHECK(stage.tool({"call", "move", "-"}, objects).code == 13);
  const auto huge = stage.tool({"call", "move", "{\"x\": 1e400, \"y\": 0}"});
  CHECK(huge.code == 13);
  CHECK(holds(huge.err, "1e400"));
  CHECK(stage.tool({"call", "move", "{\"x\": 1, \"y\""}).code == 13);
  CHECK(stage.tool({"call", "move", "{\"x\": 1, \"y\": 2}"}).code == 0);
}

TEST_CASE("budget: numbers of a command line are whole, in range, and told in its own words") {
  const TempBus place;
  struct Wrong {
    std::vector<std::string> words;
    std::string option;
  };
  for (const auto& [words, option] :
       std::vector<Wrong>{{{"watch", "--count", "-1"}, "--count"},
                          {{"watch", "--count", "18446744073709551616"}, "--count"},
                          {{"watch", "--count", "0x10"}, "--count"},
                          {{"tap", "--count", "1e3"}, "--count"},
                          {{"top", "--count", " 1"}, "--count"},
                          {{"record", "f", "--count", ""}, "--count"},
                          {{"heat", "x", "--count", "ten"}, "--count"},
                          {{"postmortem", "--last", "-1"}, "--last"},
                          {{"replay", "f", "--loops", "0"}, "--loops"},
                          {{"replay", "f", "--window", "64"}, "--window"},
                          {{"replay", "f", "--rate", "nan"}, "--rate"},
                          {{"replay", "f", "--rate", "inf"}, "--rate"},
                          {{"replay", "f", "--rate", "-5"}, "--rate"},
                          {{"policy", "set", "x", "--burst", "4294967296"}, "--burst"},
                          {{"policy", "set", "x", "--breaker-calls", "-1"}, "--breaker-calls"},
                          {{"route", "x", "--canary", "nan%"}, "--canary"},
                          {{"route", "x", "--canary", "0x10"}, "--canary"},
                          {{"create", "--lanes", "0"}, "--lanes"},
                          {{"create", "--lanes", "65536"}, "--lanes"},
                          {{"create", "--participants", "-5"}, "--participants"},
                          {{"create", "--extents", "99999999999"}, "--extents"},
                          {{"create", "--user-lanes", "-1"}, "--user-lanes"},
                          {{"create", "--mode", "1777"}, "--mode"},
                          {{"create", "--mode", "0690"}, "--mode"},
                          {{"create", "--group", "-2"}, "--group"},
                          {{"create", "--default-timeout", "0s"}, "--default-timeout"},
                          {{"create", "--default-timeout", "99999999h"}, "--default-timeout"},
                          {{"create", "--extent-bytes", "2G"}, "--extent-bytes"},
                          {{"probe", "heat", "--pid", "-1"}, "--pid"},
                          {{"probe", "heat", "--pid", "99999999999"}, "--pid"}}) {
    auto line = words;
    line.insert(line.end(), {"--bus", place.path()});
    const auto ran = run_tool(line);
    INFO(option << " of " << words[0] << ": " << ran.err);
    CHECK(ran.code == 64);
    CHECK(holds(ran.err, option));
    CHECK_FALSE(holds(ran.err, "OpenOptions"));
    CHECK_FALSE(std::filesystem::exists(place.path()));
  }
  const auto power = run_tool({"create", "--extent-bytes", "5000", "--bus", place.path()});
  CHECK(power.code == 13);
  CHECK(holds(power.err, "--extent-bytes"));
  CHECK_FALSE(holds(power.err, "OpenOptions"));
}

TEST_CASE("budget: options of the daemon, with the spellings of the tool") {
  const TempBus place;
  const auto daemon = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {SHMBUS_BIN_DIR "/shmbusd", "--bus", place.path()});
    return run_program(words);
  };
  for (const char* option :
       {"--participants", "--names", "--endpoints", "--lanes", "--cells-per-lane", "--inbox-slots",
        "--extents", "--user-participants", "--user-endpoints", "--user-names", "--user-lanes",
        "--user-extents", "--extent-bytes", "--mode", "--group", "--default-timeout"}) {
    INFO(option);
    const auto by_daemon = daemon({option, "-1"});
    CHECK(by_daemon.code == 2);
    const auto by_tool = run_tool({"create", option, "-1", "--bus", place.path()});
    CHECK(by_tool.code == 64);
    const auto reason = [&](const std::string& text) {
      return text.substr(text.find(option), text.find(';') - text.find(option));
    };
    CHECK(reason(by_daemon.err) == reason(by_tool.err));
  }
  CHECK(daemon({"--interval", "1ms"}).code == 2);
  CHECK(daemon({"--interval", "1000"}).code == 2);
  for (const char* address :
       {"127.0.0.1:99999", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "127.0.0.1: 80"}) {
    INFO(address);
    const auto ran = daemon({"--metrics", address});
    CHECK(ran.code == 1);
    CHECK(holds(ran.err, "is no port: a whole number from 0 to 65535"));
  }
  CHECK(daemon({"--otlp", "http://127.0.0.1:99999/v1/traces"}).code == 1);
}

TEST_CASE("budget: idle connections keep no scrape waiting") {
  const TempBus place;
  const MetricsDaemon daemon(place.path());
  const auto address = daemon.address();
  std::vector<std::unique_ptr<Connection>> idle;
  for (int i = 0; i < 200; ++i) idle.push_back(std::make_unique<Connection>(address));
  for (int i = 0; i < 5; ++i) {
    const Stopwatch since;
    CHECK(http_get(address, "/metrics").status == 200);
    CHECK(since.ms() < 2000);
  }
  // Those that begin a request and never end it are idle too.
  for (int i = 0; i < 200; ++i) {
    idle.push_back(std::make_unique<Connection>(address));
    (void)idle.back()->send("GET /metrics HTTP/1.1\r\nX: ");
  }
  const Stopwatch since;
  CHECK(http_get(address, "/metrics").status == 200);
  CHECK(since.ms() < 2000);
}

TEST_CASE("budget: a collector that answers without an end is read no further than its status") {
  for (const bool in_headers : {false, true}) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof at;
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &bytes);
    std::uint64_t sent = 0;
    std::thread endless([&] {
      const int fd = ::accept(listener, nullptr, nullptr);
      std::string chunk = "HTTP/1.1 200 OK\r\n";
      if (!in_headers) chunk += "Content-Type: text/plain\r\n\r\n";
      const std::string more =
          in_headers ? "X-More: " + std::string(1000, 'x') + "\r\n" : std::string(65536, 'x');
      for (;;) {
        const auto n = ::send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::uint64_t>(n);
        chunk = more;
      }
      ::close(fd);
    });
    auto post = telemetry::HttpPost::make("http://127.0.0.1:" + std::to_string(ntohs(at.sin_port)) +
                                          "/v1/traces");
    REQUIRE(post.has_value());
    const Stopwatch since;
    const auto outcome = post->post("{}", 5s);
    CHECK(since.ms() < 3000);
    if (!in_headers) CHECK(outcome.taken());
    *post = std::move(*telemetry::HttpPost::make("http://127.0.0.1:1/"));  // ends the connection
    endless.join();
    ::close(listener);
    CHECK(sent < 32U << 20U);  // what the sockets hold, and no more
  }
}

TEST_CASE("probe: the path of a program never becomes a part of the script") {
  const TempBus place;
  const TempFolder folder;
  const auto strange = folder.path() + "/x\":shmbus:publish { exit(); } usdt:\"y";
  std::filesystem::create_directory(strange);
  const auto program = strange + "/names";
  std::filesystem::copy_file(SHMBUS_BIN_DIR "/peer_names", program);
  const Child handler = start_program({program, place.path(), folder.path() + "/log", "one"}, {});
  REQUIRE(eventually(
      [&] {
        return run_tool({"ls", "--names", "--bus", place.path()}).out == "one\n";
      },
      20s));
  const auto ran = run_tool({"probe", "heat", "--print", "--bus", place.path()});
  INFO(ran.err);
  CHECK_FALSE(holds(ran.out, "exit(); } usdt"));
  CHECK(ran.code == 13);  // nothing is left to probe
  CHECK((holds(ran.err, "is left out") || holds(ran.err, "built without sys/sdt.h")));
}
