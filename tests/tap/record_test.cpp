// What is recorded is replayed, byte for byte and in order, and a recording that is no recording is
// refused.
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "os/clock.hpp"
#include "recorder/recorder.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;
using nlohmann::json;

namespace {

constexpr std::uint64_t commands = 600;

std::uint64_t sum_of(std::span<const std::byte> bytes, std::uint64_t sum) {
  for (const std::byte b : bytes)
    sum = (sum ^ std::to_integer<std::uint64_t>(b)) * 0x100000001B3ULL;
  return sum;
}

/// Of every size that matters: none, in the cell, beside it, a few KiB.
std::vector<std::byte> request(std::uint64_t n) {
  constexpr std::array<std::size_t, 10> sizes{0, 1, 31, 32, 33, 40, 41, 500, 4096, 16000};
  std::vector<std::byte> bytes(sizes[n % sizes.size()]);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 + n);
  return bytes;
}

/// What handlers saw, in order.
struct Seen {
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> sum{0};
  std::atomic<std::uint64_t> notes{0};
};

int serve(const std::string& path, Seen& seen) {
  return serve_for_ever(path, handlers({{"take",
                                         [&](Context& c) {
                                           seen.sum = sum_of(c.request(), seen.sum);
                                           ++seen.calls;
                                           return Status::ok();
                                         }},
                                        {"note", [&](Context& c) {
                                           seen.sum = sum_of(c.request(), seen.sum);
                                           ++seen.notes;
                                           return Status::ok();
                                         }}}));
}

/// A recording of `commands` calls and some one-way commands, made by the tool.
void make_recording(const std::string& bus_path, const std::string& file, std::uint64_t& sum,
                    Seen& seen) {
  auto bus = open_when_served(bus_path, "note");
  const auto core = join(bus_path);
  auto take = caller_of(bus, "take");
  auto note = caller_of(bus, "note");
  Child tool([&] {
    return run_tool({"record", file, "--count", std::to_string(commands + commands / 10), "--bus",
                     bus_path})
        .code;
  });
  REQUIRE(
      eventually([&] { return recorder::tap_wish(core->attachment(), wait::ticks()).payload; }));
  for (std::uint64_t n = 0; n < commands; ++n) {
    const auto bytes = request(n);
    REQUIRE(take.call(bytes, {}));
    if (n % 10 == 0) REQUIRE(note.send(raw(n)));
    nap(200us);
  }
  CHECK(tool.wait(30s) == 0);
  CHECK(eventually([&] { return seen.notes == commands / 10; }));
  sum = seen.sum;
}

}  // namespace

TEST_CASE("a recording is replayed byte for byte") {
  const TempBus place;
  const TempFolder folder;
  const std::string file = folder.path() + "/traffic.rec";
  const Shared<Seen> seen;
  std::uint64_t sum = 0;
  {
    const Child handler([&] { return serve(place.path(), *seen); });
    make_recording(place.path(), file, sum, *seen);
  }
  CHECK(seen->calls == commands);

  // Another bus, another handler: it sees the same bytes in the same order.
  const TempBus other;
  for (const char* pace : {"--as-recorded", "--flat-out", "--rate=5000"}) {
    const Shared<Seen> again;
    const Child handler([&] { return serve(other.path(), *again); });
    (void)open_when_served(other.path(), "note");
    const auto ran =
        run_tool({"replay", file, pace, "--window", "1", "--json", "--bus", other.path()});
    INFO(pace << ran.out << ran.err);
    REQUIRE(ran.code == 0);
    const auto report = json::parse(ran.out);
    CHECK(report["sent"] == commands + commands / 10);
    CHECK(report["one_way"] == commands / 10);
    CHECK(report["answered"] == commands);
    CHECK(report["left_out"] == 0);
    CHECK(report["errors"].empty());
    const auto& latency = report["latency_ns"];
    CHECK(latency["p50"] > 0);
    CHECK(latency["p50"] <= latency["p99"]);
    CHECK(latency["p99"] <= latency["max"]);
    CHECK(eventually([&] { return again->notes == commands / 10; }));
    CHECK(again->calls == commands);
    CHECK(again->sum == sum);
  }
}

TEST_CASE("loops, a rate, and a report in text") {
  const TempBus place;
  const TempFolder folder;
  const std::string file = folder.path() + "/traffic.rec";
  const Shared<Seen> seen;
  std::uint64_t sum = 0;
  const Child handler([&] { return serve(place.path(), *seen); });
  make_recording(place.path(), file, sum, *seen);
  const Stopwatch watch;
  const auto ran =
      run_tool({"replay", file, "--rate", "2000", "--loops", "2", "--bus", place.path()});
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  CHECK(watch.ms() >= 650);  // 1,320 commands at 2,000 a second
  CHECK(eventually([&] { return seen->calls == 3 * commands; }));
  CHECK(ran.out.find("take") != std::string::npos);
  CHECK(ran.out.find("P99.9") != std::string::npos);
  CHECK(ran.out.find("1320 commands in") != std::string::npos);
}

TEST_CASE("a file that is no recording, or half of one") {
  const TempBus place;
  const TempFolder folder;
  const std::string file = folder.path() + "/traffic.rec";
  const Shared<Seen> seen;
  std::uint64_t sum = 0;
  const Child handler([&] { return serve(place.path(), *seen); });
  make_recording(place.path(), file, sum, *seen);
  const auto whole = read_whole_file(file);
  const auto replay_of = [&](std::string text) {
    const std::string path = folder.path() + "/other.rec";
    std::ofstream(path, std::ios::binary) << text;
    return run_tool({"replay", path, "--flat-out", "--json", "--bus", place.path()});
  };
  CHECK(replay_of("").code == 13);
  CHECK(replay_of("no recording at all, and long enough to be one").code == 13);
  auto newer = whole;
  newer[8] = 9;
  CHECK(replay_of(newer).err.find("version 9") != std::string::npos);
  // Its writer was killed: what is there is replayed.
  const auto half = replay_of(whole.substr(0, whole.size() / 2));
  CHECK(half.code == 0);
  const auto report = json::parse(half.out);
  CHECK(report["sent"] > 10);
  CHECK(report["sent"] < commands);
  // Every byte of it may be wrong: refused or replayed, nothing else.
  for (std::size_t at = 32; at < whole.size() && at < 4'000; at += 97) {
    auto damaged = whole;
    damaged[at] = static_cast<char>(~damaged[at]);
    const auto ran = replay_of(damaged.substr(0, 4'000));
    INFO(at << " " << ran.err);
    CHECK((ran.code >= 0 && ran.code < 64));
  }
}
