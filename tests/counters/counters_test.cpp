// What is counted and timed in the segment, over real processes: counts exactly, times as sampled
// or all, and how long commands waited for their handler.
#include <nlohmann/json.hpp>
#include <set>

#include "inspect/snapshot.hpp"
#include "stats/sampler.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/lane_ends.hpp"
#include "support/tool.hpp"
#include "words/table.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr auto work = 4ms;

/// "quick", "slow" (works for 4 ms) and "refuse", in a process of their own.
class Works {
 public:
  explicit Works(Timing timing)
      : handler_(handler_process(
            place_.path(),
            handlers({{"quick", [](Context& c) { return answer(c, c.request()); }},
                      {"slow",
                       [](Context&) {
                         nap(work);
                         return Status::ok();
                       }},
                      {"refuse", [](Context&) { return Status::reject(7, "no"); }}}),
            {}, {.timing = timing})),
        bus_(open_when_served(place_.path(), "refuse", {.timing = timing})) {}

  RawCaller caller(std::string_view name) {
    auto made = bus_.caller(name);
    REQUIRE_OK(made);
    return std::move(*made);
  }
  /// A handler counts what it ran after it has answered.
  [[nodiscard]] inspect::NameInfo counted(const std::string& name, std::uint64_t commands) const {
    inspect::NameInfo info;
    CHECK(eventually([&] {
      auto reader = inspect::Reader::open(place_.path());
      if (!reader) return false;
      const auto snapshot = inspect::take_snapshot(*reader);
      const auto* found = snapshot.name(name);
      if (found != nullptr) info = *found;
      return info.commands == commands;
    }));
    return info;
  }
  [[nodiscard]] inspect::LaneInfo lane() const {
    auto reader = inspect::Reader::open(place_.path());
    REQUIRE_OK(reader);
    const auto snapshot = inspect::take_snapshot(*reader);
    REQUIRE(snapshot.lanes.size() == 1);
    return snapshot.lanes.front();
  }
  [[nodiscard]] const std::string& path() const { return place_.path(); }

 private:
  TempBus place_;
  Child handler_;
  Bus bus_;
};

std::chrono::nanoseconds ns(std::uint64_t count) { return std::chrono::nanoseconds(count); }

}  // namespace

TEST_CASE("counts are exact, whatever is sampled", "[counters]") {
  Works works(Timing::sampled);
  auto quick = works.caller("quick");
  auto refuse = works.caller("refuse");
  std::array<std::byte, 24> request{};
  std::array<std::byte, 48> reply{};
  for (int i = 0; i < 10'000; ++i) REQUIRE_OK(quick.call(request, reply));
  for (int i = 0; i < 3'000; ++i) REQUIRE_OK(quick.send(request));
  for (int i = 0; i < 70; ++i) CHECK_FALSE(refuse.call(request, reply));

  const auto info = works.counted("quick", 13'000);
  CHECK(info.bytes_in == 13'000U * 24);
  CHECK(info.bytes_out == 13'000U * 24);
  CHECK(works.counted("refuse", 70).errors == 70);
  const auto lane = works.lane();
  CHECK(lane.calls == 10'070);
  CHECK(lane.sends == 3'000);
  CHECK(lane.errors == 70);
  // One in 32 on average, and those that were slow or found their handler asleep.
  CHECK(info.service.total >= 13'000 / 64);
  CHECK(info.queue.total >= 13'000 / 64);
}

TEST_CASE("Timing::all times every command, on both sides", "[counters]") {
  Works works(Timing::all);
  auto quick = works.caller("quick");
  std::array<std::byte, 88> request{};
  std::array<std::byte, 256> reply{};
  for (std::size_t i = 0; i < 2'000; ++i) {  // one cell, two cells, a block; with and without limit
    const auto size = i % 3 == 0 ? 8U : i % 3 == 1 ? 88U : 24U;
    const auto room = std::span(reply).first(i % 2 == 0 ? 48 : 256);
    const auto timeout = i % 5 == 0 ? Duration(10s) : default_timeout;
    REQUIRE_OK(quick.call(std::span(request).first(std::min<std::size_t>(size, room.size())), room,
                          timeout));
  }
  const auto info = works.counted("quick", 2'000);
  CHECK(info.queue.total == 2'000);
  CHECK(eventually([&] { return works.counted("quick", 2'000).service.total == 2'000; }));
  CHECK(works.lane().round_trip.total == 2'000);
}

TEST_CASE("the time queued is what was ahead, the time in the handler is not", "[counters]") {
  constexpr std::uint64_t count = 20;
  Works works(Timing::all);
  auto slow = works.caller("slow");
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE_OK(slow.send({}));
  const auto info = works.counted("slow", count);
  REQUIRE(info.queue.total == count);
  // The last one waited for all the others; the first one for nobody.
  CHECK(ns(info.queue.quantile_ns(1)) >= (count - 1) * work * 15 / 16);
  CHECK(ns(info.queue.quantile_ns(0.5)) >= (count / 2 - 1) * work * 15 / 16);
  CHECK(ns(info.queue.quantile_ns(0.05)) < ns(info.queue.quantile_ns(0.5)) / 2);
  CHECK(ns(info.service.quantile_ns(0.5)) < 3 * work);

  const auto shown = run_tool({"hist", "slow", "--queue", "--json", "--bus", works.path()});
  REQUIRE(shown.code == 0);
  const auto json = nlohmann::json::parse(shown.out);
  CHECK(json["samples"] == count);
  CHECK(json["percentiles_ns"]["max"] == info.queue.quantile_ns(1));
  const auto text = run_tool({"describe", "slow", "--bus", works.path()}).out;
  CHECK(text.find("queued") != std::string::npos);
}

TEST_CASE("while calls are slow, each of them is timed", "[counters]") {
  Works works(Timing::sampled);
  auto slow = works.caller("slow");
  std::array<std::byte, 8> reply{};
  for (int i = 0; i < 40; ++i) REQUIRE_OK(slow.call({}, reply));
  CHECK(works.counted("slow", 40).queue.total >= 39);
  CHECK(works.lane().round_trip.total == 40);
}

TEST_CASE("a stamp from the future is no time", "[counters]") {
  TempBus place;
  auto bus = Bus::open(place.path(), one_lane());
  REQUIRE_OK(bus);
  auto server = bus->serve();
  REQUIRE_OK(server);
  REQUIRE_OK(server->on("x", [](Context&) { return Status::ok(); }));
  CallerEnd caller(place.path());
  for (const std::uint64_t ahead : {0U, 1U}) {
    lane::Outgoing out;
    out.command = *names::find(caller.view(), "x");
    out.stamp = ahead == 0 ? wait::ticks() : ~std::uint64_t{0} - 1;
    const auto ticket = caller->publish(out);
    caller->notify();
    while (!caller->replied(ticket)) REQUIRE_OK(server->poll());
    caller->release(ticket);
    stats::Counts counts;
    counts.add(caller.view().name_stats(out.command).queue_ns);
    CHECK(counts.total == 1);
  }
}

TEST_CASE("samplers: one in 32 on average, at distances that vary, or all", "[counters]") {
  stats::Sampler some;
  std::uint32_t taken = 0;
  std::uint32_t distance = 0;
  std::set<std::uint32_t> distances;
  for (int i = 0; i < 320'000; ++i) {
    ++distance;
    if (!some.due()) continue;
    ++taken;
    distances.insert(std::exchange(distance, 0));
  }
  CHECK(taken > 9'500);
  CHECK(taken < 10'500);
  CHECK(distances.size() == 63);
  stats::Sampler all(true);
  for (int i = 0; i < 100; ++i) CHECK(all.due());
}
