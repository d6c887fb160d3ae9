// What the metrics page and the daemon's own figures say of names that several processes serve, of
// policies, and of spans.
#include <csignal>
#include <numeric>

#include "groups/oracle.hpp"
#include "inspect/snapshot.hpp"
#include "prometheus/metrics_daemon.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "tracing/collector.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

const std::string work = "{command=\"work\"}";

double sum(const std::vector<double>& all) { return std::accumulate(all.begin(), all.end(), 0.0); }

std::size_t occurrences(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

inspect::NameInfo work_on(const std::string& path) {
  const auto snapshot = inspect::take_snapshot(path);
  REQUIRE_OK(snapshot);
  const auto* name = snapshot->name("work");
  REQUIRE(name != nullptr);
  return *name;
}

}  // namespace

TEST_CASE("depth and up of a name are those of all its members", "[prometheus]") {
  const TempBus place;
  Shared<Oracle> oracle;
  std::vector<Child> members;
  for (std::uint32_t i = 0; i < 3; ++i) {
    members.push_back(member(place.path(), *oracle, i));
    REQUIRE(joined(*oracle, i));
  }
  MetricsDaemon daemon(place.path());
  auto bus = open_when_served(place.path(), "work");
  auto caller = caller_of(bus, "work");
  oracle->hold = true;
  std::vector<Pending> calls;
  for (std::uint32_t i = 0; i < 9; ++i) {
    auto pending = caller.start(raw(Work{i, 0, i}), 8, 60s);
    REQUIRE_OK(pending);
    calls.push_back(std::move(*pending));
  }
  std::string text;
  REQUIRE(eventually([&] {
    text = daemon.text();
    return oracle->by[0] + oracle->by[1] + oracle->by[2] == 3;  // each holds one
  }));
  text = daemon.text();
  INFO(text);
  CHECK(value(text, "shmbus_command_depth" + work) == 9);
  CHECK(value(text, "shmbus_command_up" + work) == 1);
  CHECK(value(text, "shmbus_command_members" + work) == 3);
  const auto depths = values(text, "shmbus_command_member_depth");
  CHECK(depths.size() == 3);
  CHECK(sum(depths) == 9);
  for (const double depth : depths) CHECK(depth >= 1);  // the binding's slot has not got all
  CHECK(sum(values(text, "shmbus_command_member_up")) == 3);
  check_by_promtool(text);
  // What the daemon publishes: committed and not started, at all three slots.
  const auto reader = inspect::Reader::open(place.path());
  REQUIRE_OK(reader);
  const auto& published = reader->view().published_name(work_on(place.path()).record);
  CHECK(eventually([&] { return published.depth.load() == 6; }, 10s));

  members[0].kill();  // the name's binding leads to it
  oracle->hold = false;
  CHECK(eventually(
      [&] {
        text = daemon.text();
        return value(text, "shmbus_command_members" + work) == 2 &&
               value(text, "shmbus_command_depth" + work) == 0;
      },
      20s));
  CHECK(value(text, "shmbus_command_up" + work) == 1);
  for (std::size_t i = 1; i < members.size(); ++i) members[i].kill();
  CHECK(eventually([&] { return value(daemon.text(), "shmbus_command_up" + work) == 0; }, 20s));
}

TEST_CASE("a dead member that nobody found yet does not hide those that live", "[prometheus]") {
  const TempBus place;
  Shared<Oracle> oracle;
  auto first = member(place.path(), *oracle, 0);
  REQUIRE(joined(*oracle, 0));
  const auto second = member(place.path(), *oracle, 1);
  REQUIRE(joined(*oracle, 1));
  second.signal(SIGSTOP);  // so that nobody takes the dead one's slot back
  first.kill();
  const auto name = work_on(place.path());
  CHECK(name.state == inspect::NameState::active);
  CHECK(name.owner_pid == static_cast<std::uint32_t>(second.pid()));
  REQUIRE(name.members.size() == 2);
  CHECK(name.members[0].state == inspect::NameState::dead);
}

TEST_CASE("a name of one owner has one member, and no series of members", "[prometheus]") {
  const TempBus place;
  const auto handler =
      handler_process(place.path(), handlers({{"work", [](Context&) { return Status::ok(); }}}));
  MetricsDaemon daemon(place.path());
  const auto bus = open_when_served(place.path(), "work");
  const auto text = daemon.text();
  CHECK(value(text, "shmbus_command_members" + work) == 1);
  CHECK(text.find("shmbus_command_member_") == std::string::npos);
  CHECK(text.find("shmbus_policy_") == std::string::npos);
  CHECK(text.find("shmbus_spans_") == std::string::npos);
}

TEST_CASE("what policies refused is counted, by reason", "[prometheus]") {
  const TempBus place;
  const auto handler = handler_process(
      place.path(), handlers({{"work", [](Context&) { return Status::ok(); }},
                              {"refuse", [](Context&) { return Status::reject(7, "no"); }},
                              {"free", [](Context&) { return Status::ok(); }}}));
  MetricsDaemon daemon(place.path());
  auto bus = open_when_served(place.path(), "free");
  auto caller = caller_of(bus, "work");
  auto refused = caller_of(bus, "refuse");
  REQUIRE_OK(caller_of(bus, "free").call({}, {}));
  REQUIRE_OK(bus.set_policy("work", {.deny = true}));
  for (int i = 0; i < 3; ++i) CHECK(kind(caller.call({}, {})) == ErrorKind::not_permitted);
  REQUIRE_OK(bus.set_policy("work", {.rate = {1, 10min, 1}}));
  CHECK_OK(caller.call({}, {}));
  for (int i = 0; i < 4; ++i) CHECK(kind(caller.call({}, {})) == ErrorKind::overloaded);
  REQUIRE_OK(bus.set_policy("refuse", {.breaker = {50, 5, 60s, 60s, true}}));
  for (int i = 0; i < 5; ++i) CHECK(kind(refused.call({}, {})) == ErrorKind::rejected);
  for (int i = 0; i < 2; ++i) CHECK(kind(refused.call({}, {})) == ErrorKind::overloaded);
  REQUIRE_OK(bus.set_policy("work", {}));  // what it did stays

  const auto text = daemon.text();
  INFO(text);
  const auto refusals = [&](const std::string& name, const std::string& reason) {
    return value(text,
                 "shmbus_policy_refused_total{command=\"" + name + "\",reason=\"" + reason + "\"}");
  };
  CHECK(refusals("work", "denied") == 3);
  CHECK(refusals("work", "over_rate") == 4);
  CHECK(refusals("work", "over_outstanding") == 0);
  CHECK(refusals("refuse", "circuit_open") == 2);
  CHECK(value(text, "shmbus_policy_circuit_opened_total{command=\"refuse\"}") == 1);
  const auto circuit = [&](const std::string& state) {
    return value(text, "shmbus_policy_circuit{command=\"refuse\",state=\"" + state + "\"}");
  };
  CHECK(circuit("open") == 1);
  CHECK(circuit("half_open") == 0);
  CHECK(circuit("closed") == 0);
  CHECK(refusals("free", "denied") == std::nullopt);
  check_by_promtool(text);
}

TEST_CASE("spans are counted: written, waiting, overwritten, exported", "[prometheus]") {
  const TempBus place;
  const auto handler =
      handler_process(place.path(), handlers({{"work", [](Context&) { return Status::ok(); }}}));
  auto bus = open_when_served(place.path(), "work");
  const auto port = free_port();
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/v1/traces";
  MetricsDaemon daemon(place.path(), {"--metrics", "127.0.0.1:0", "--otlp", url});
  auto caller = caller_of(bus, "work", {.trace_ratio = 1});
  std::string text;
  const auto queued = [&] {
    text = daemon.text();
    return value(text, "shmbus_spans_queued").value_or(-1);
  };
  // The exporter passes over what is older than its first look.
  REQUIRE(eventually([&] { return caller.call({}, {}) && queued() > 0; }, 20s));
  nap(1500ms);  // longer than it waits for the other half of a call
  const double before = queued();
  for (int i = 0; i < 10; ++i) {
    REQUIRE_OK(caller.call({}, {}));
    nap(20ms);  // a ring holds what comes between two looks
  }
  // The collector is away. Three of each call: the caller's, the queue's and the handler's.
  CHECK(eventually([&] { return queued() == before + 30; }, 20s));
  INFO(text.substr(text.find("shmbus_spans_")));
  CHECK(value(text, "shmbus_spans_exported_total") == 0);
  CHECK(value(text, "shmbus_spans_lost_total") == 0);
  CHECK(*value(text, "shmbus_recorder_events_total") >= 20);
  // More at once than a ring holds.
  for (int i = 0; i < 1'000; ++i) REQUIRE_OK(caller.call({}, {}));
  CHECK(eventually(
      [&] { return value(daemon.text(), "shmbus_recorder_events_overwritten_total") > 0.0; }, 20s));
  CHECK(*value(daemon.text(), "shmbus_recorder_events_total") >= 2'020);
  check_by_promtool(daemon.text());
  Collector collector(port);
  const auto posted = [&] {
    std::size_t count = 0;
    for (const auto& one : collector.posted()) count += occurrences(one.body, "\"spanId\"");
    return static_cast<double>(count);
  };
  CHECK(eventually(
      [&] {
        const auto exported = value(daemon.text(), "shmbus_spans_exported_total");
        return exported >= before + 30 && queued() == 0 && exported == posted();
      },
      60s));
}
