// What shmbusd --metrics serves: figures that agree with the traffic, in a form that promtool and a
// real Prometheus accept, and never at the cost of the supervisor's own work.
#include <cmath>
#include <csignal>
#include <fstream>
#include <list>
#include <nlohmann/json.hpp>

#include "inspect/snapshot.hpp"
#include "prometheus/metrics_daemon.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/http.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

/// A bus with a handler, a daemon that serves metrics, and traffic of known size.
class Plant {
 public:
  explicit Plant(const std::string& at = "127.0.0.1:0")
      : handler_(handler_process(
            place_.path(),
            handlers({{"echo", [](Context& c) { return answer(c, c.request()); }},
                      {"refuse", [](Context&) { return Status::reject(7, "no"); }},
                      {"odd \"name\"\\x0a\xc3\xbc", [](Context&) { return Status::ok(); }}}))),
        daemon_(place_.path(), {"--metrics", at}),
        bus_(open_when_served(place_.path(), "refuse")) {}
  void make_calls(int count) {
    auto echo = caller_of(bus_, "echo");
    auto refuse = caller_of(bus_, "refuse");
    for (int i = 0; i < count; ++i) {
      std::uint32_t reply = 0;
      REQUIRE(echo.call(raw(i), raw(reply)));
      REQUIRE_FALSE(refuse.call({}, {}));
    }
  }
  [[nodiscard]] std::string address() const { return daemon_.address(); }
  [[nodiscard]] std::string text() const { return daemon_.text(); }
  [[nodiscard]] std::string log() const { return daemon_.log(); }
  [[nodiscard]] const std::string& folder() const { return daemon_.folder(); }
  [[nodiscard]] const std::string& path() const { return place_.path(); }
  Child& handler() { return handler_; }
  Child& daemon() { return daemon_.process(); }

 private:
  TempBus place_;
  Child handler_;
  MetricsDaemon daemon_;
  Bus bus_;
};

/// "http://ADDRESS" + path, answered with JSON by Prometheus; null while it is not up.
nlohmann::json ask(const std::string& address, const std::string& path) {
  const auto answer = http_get(address, path);
  return nlohmann::json::parse(answer.body, nullptr, false);
}

/// The one value that a query yields; nothing while there is none.
std::optional<double> query(const std::string& address, const std::string& expression) {
  std::string encoded;
  for (const char c : expression) {
    char hex[4];  // NOLINT
    std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
    encoded += hex;
  }
  const auto reply = ask(address, "/api/v1/query?query=" + encoded);
  if (!reply.is_object() || !reply.contains("data") || reply["data"]["result"].empty()) {
    return std::nullopt;
  }
  return std::stod(reply["data"]["result"][0]["value"][1].get<std::string>());
}

}  // namespace

TEST_CASE("metrics agree with the traffic") {
  Plant plant;
  plant.make_calls(1'000);
  std::string text;
  REQUIRE(eventually([&] {
    text = plant.text();
    return value(text, "shmbus_commands_total{command=\"echo\"}") == 1'000 &&
           value(text, "shmbus_commands_total{command=\"refuse\"}") == 1'000;
  }));
  CHECK(value(text, "shmbus_command_up{command=\"echo\"}") == 1);
  CHECK(value(text, "shmbus_command_depth{command=\"echo\"}") == 0);
  CHECK(value(text, "shmbus_command_errors_total{command=\"refuse\",reason=\"refused\"}") == 1'000);
  CHECK(value(text, "shmbus_command_errors_total{command=\"echo\",reason=\"refused\"}") == 0);
  CHECK(value(text, "shmbus_command_request_bytes_total{command=\"echo\"}") == 4'000);
  CHECK(value(text, "shmbus_calls_total") == 2'000);
  CHECK(value(text, "shmbus_call_errors_total") == 1'000);
  CHECK(value(text, "shmbus_resources_used{resource=\"names\"}") == 3);
  // A histogram: cumulative, closed by +Inf, and of as many values as the segment holds.
  const std::string service = "shmbus_command_service_seconds";
  const auto reader = inspect::Reader::open(plant.path());
  REQUIRE(reader);
  const auto snapshot = inspect::take_snapshot(*reader);
  const auto samples = static_cast<double>(snapshot.name("echo")->service.total);
  CHECK(samples > 0);
  CHECK(value(text, service + "_count{command=\"echo\"}") == samples);
  CHECK(value(text, service + "_bucket{command=\"echo\",le=\"+Inf\"}") == samples);
  CHECK(value(text, service + "_bucket{command=\"echo\",le=\"68.719476736\"}") == samples);
  const double sum = *value(text, service + "_sum{command=\"echo\"}");
  CHECK(sum > 0);
  CHECK(sum < 2);
  CHECK(*value(text, "shmbus_round_trip_seconds_count") > 0);
  // A name that tries to break the format.
  CHECK(value(text, "shmbus_command_up{command=\"odd \\\"name\\\"\\\\\\\\x0a\xc3\xbc\"}") == 1);
}

TEST_CASE("metrics over HTTP: socket file, other pages, a bus that goes away") {
  const TempFolder folder;
  const std::string at = "unix:" + folder.path() + "/metrics";
  Plant plant(at);
  CHECK(plant.address() == at);
  CHECK(http_get(at, "/metrics").head.find("text/plain; version=0.0.4") != std::string::npos);
  CHECK(http_get(at, "/").status == 200);
  CHECK(http_get(at, "/other").status == 404);
  CHECK(http_get(at, "/metrics", "DELETE").status == 405);
  CHECK(http_get(at, "/metrics", "HEAD").body.empty());
  // While its file is gone there is nothing to show; the daemon cares for those who are on it.
  const std::string away = plant.path() + ".away";
  REQUIRE(::rename(plant.path().c_str(), away.c_str()) == 0);
  CHECK(http_get(at, "/metrics").status == 503);
  REQUIRE(::rename(away.c_str(), plant.path().c_str()) == 0);
  CHECK(http_get(at, "/metrics").status == 200);

  // A killed daemon leaves its socket file behind; the next one takes the place.
  plant.daemon().kill();
  auto next = start_program({SHMBUS_BIN_DIR "/shmbusd", "--bus", plant.path(), "--metrics", at},
                            {.out = {}, .err = plant.log()});
  CHECK(eventually([&] { return http_get(at, "/metrics").status == 200; }, 20s));
  // A second one on another bus does not.
  const TempBus other;
  auto second = start_program({SHMBUS_BIN_DIR "/shmbusd", "--bus", other.path(), "--metrics", at},
                              {.out = {}, .err = folder.path() + "/second"});
  CHECK(second.wait() == 1);
  CHECK(http_get(at, "/metrics").status == 200);
  next.signal(SIGTERM);
  CHECK(next.wait() == 0);
  CHECK(::access((folder.path() + "/metrics").c_str(), F_OK) != 0);  // cleaned up
  auto third = start_program({SHMBUS_BIN_DIR "/shmbusd", "--bus", other.path(), "--metrics", "x"},
                             {.out = {}, .err = folder.path() + "/third"});
  CHECK(third.wait() == 1);
  CHECK(read_whole_file(folder.path() + "/third").find("ADDRESS:PORT") != std::string::npos);
}

TEST_CASE("slow scrapers hold up neither each other nor the daemon") {
  Plant plant;
  std::list<Connection> slow;
  for (int i = 0; i < 5; ++i) {
    slow.emplace_back(plant.address());
    REQUIRE(slow.back().connected());
    REQUIRE(slow.back().send("GET /metrics HTTP/1.1\r\nHos"));  // and never the rest
  }
  for (int i = 0; i < 5; ++i) {
    slow.emplace_back(plant.address());
    // Asks a hundred times and never reads: far more than the socket's buffers take.
    for (int n = 0; n < 100; ++n) {
      if (!slow.back().send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")) break;
    }
  }
  CHECK(value(plant.text(), "shmbus_command_up{command=\"echo\"}") == 1);
  // The supervisor does its work: the handler's death is dealt with.
  plant.handler().signal(SIGKILL);
  CHECK(eventually([&] {
    return value(plant.text(), "shmbus_participants_reclaimed_total") == 1 &&
           value(plant.text(), "shmbus_command_up{command=\"echo\"}") == 0;
  }));
  // More than it serves at a time: the last ones are turned away, and it goes on supervising.
  for (int i = 0; i < 30; ++i) slow.emplace_back(plant.address());
  auto another =
      handler_process(plant.path(), handlers({{"late", [](Context&) { return Status::ok(); }}}));
  const auto reader = inspect::Reader::open(plant.path());
  REQUIRE(reader);
  const auto owners = [&] {
    const auto snapshot = inspect::take_snapshot(*reader);
    const auto* late = snapshot.name("late");
    return late != nullptr && late->state == inspect::NameState::active;
  };
  REQUIRE(eventually(owners));
  another.signal(SIGKILL);
  CHECK(eventually([&] { return inspect::take_snapshot(*reader).published.deaths == 2; }));
  slow.clear();
  CHECK(eventually([&] { return http_get(plant.address(), "/metrics").status == 200; }, 20s));
}

TEST_CASE("promtool finds nothing to complain about") {
  if (absent(promtool)) return;
  Plant plant;
  plant.make_calls(100);
  check_by_promtool(plant.text());
  // It would have said so.
  CHECK(run_program({promtool, "check", "metrics"}, "# TYPE x counter\nx 1\n").code != 0);
}

TEST_CASE("a real Prometheus scrapes it") {
  if (absent(prometheus)) return;
  Plant plant;
  plant.make_calls(640);
  const std::string at = "127.0.0.1:" + std::to_string(free_port());
  const std::string config = plant.folder() + "/prometheus.yml";
  std::ofstream(config) << "global: {scrape_interval: 500ms, scrape_timeout: 400ms}\n"
                           "scrape_configs:\n- job_name: shmbus\n  static_configs:\n  - targets: ['"
                        << plant.address() << "']\n";
  const auto server = start_program(
      {prometheus, "--config.file=" + config, "--storage.tsdb.path=" + plant.folder() + "/data",
       "--web.listen-address=" + at, "--log.level=warn"},
      {.out = {}, .err = plant.folder() + "/prometheus.log"});
  INFO(read_whole_file(plant.folder() + "/prometheus.log"));
  REQUIRE(eventually([&] { return query(at, "up") == 1; }, 60s));
  CHECK(
      eventually([&] { return query(at, "shmbus_commands_total{command=\"echo\"}") == 640; }, 20s));
  CHECK(query(at, "shmbus_command_errors_total{command=\"refuse\",reason=\"refused\"}") == 640);
  // Quantiles, as a dashboard computes them, of all samples so far.
  const auto median =
      query(at,
            "histogram_quantile(0.5, sum by (le) (shmbus_command_service_seconds_bucket{"
            "command=\"echo\"}))");
  REQUIRE(median);
  CHECK(*median > 0);
  CHECK(*median < 1);
  // Traffic becomes a rate.
  plant.make_calls(640);
  CHECK(eventually(
      [&] { return query(at, "rate(shmbus_commands_total{command=\"echo\"}[30s])") > 0.0; }, 30s));
}
