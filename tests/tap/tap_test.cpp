// The tap as its users meet it: every command of a rate that can be followed is seen, what cannot
// be is counted, a tap that is killed leaves nothing on, and nonsense in the ring harms nobody.
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "os/clock.hpp"
#include "recorder/reader.hpp"
#include "recorder/recorder.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/program.hpp"
#include "support/seed.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;
using nlohmann::json;

namespace {

/// 40 bytes: more than an event's own room for a request.
struct Block {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 4> rest{};
};

Setup echo_and_refuse() {
  return handlers({{"echo", [](Context& c) { return answer(c, c.request()); }},
                   {"refuse", [](Context&) { return Status::reject(7, "no"); }}});
}

bool tapped(const detail::BusCore& core) {
  return recorder::tap_wish(core.attachment(), wait::ticks()).events;
}

/// The tool, running beside the test.
Child start_tool(std::vector<std::string> words, const std::string& out) {
  words.insert(words.begin(), std::string(SHMBUS_BIN_DIR) + "/shmbus");
  return start_program(std::move(words), {.out = out, .err = {}});
}

/// Those that are there so far.
std::vector<json> lines_of(const std::string& path) {
  std::vector<json> lines;
  std::istringstream text(read_whole_file(path));
  for (std::string line; std::getline(text, line) && !text.eof();) {
    lines.push_back(json::parse(line));
  }
  return lines;
}

struct Told {
  std::uint64_t shown = 0;
  std::uint64_t skipped = 0;
};
/// What a tap with --json has said of what it saw.
Told told_in(const std::string& path) {
  Told told;
  for (const auto& line : lines_of(path)) {
    if (line["event"] == "skipped") {
      told.skipped = line["total"];
    } else {
      ++told.shown;
    }
  }
  return told;
}

/// Calls a second, made for so long.
double call_rate(RawCaller& caller, std::chrono::milliseconds time) {
  const Stopwatch watch;
  std::uint64_t calls = 0;
  for (; watch.ms() < static_cast<double>(time.count()); ++calls) {
    std::uint64_t reply = 0;
    if (!caller.call(raw(calls), raw(reply)) || reply != calls) return 0;
  }
  return static_cast<double>(calls) * 1e3 / watch.ms();
}

/// A bus at work, and a tap on it.
struct Scene {
  const TempBus place{};
  const TempFolder folder{};
  const std::string out = folder.path() + "/out";
  const Child handler = handler_process(place.path(), echo_and_refuse());
  Bus bus = open_when_served(place.path(), "echo");
  RawCaller caller = caller_of(bus, "echo");
  const std::shared_ptr<detail::BusCore> core = join(place.path());

  [[nodiscard]] Child tap() const {
    Child tool = start_tool({"tap", "--json", "--bus", place.path()}, out);
    REQUIRE(eventually([&] { return tapped(*core); }));
    return tool;
  }
};

}  // namespace

TEST_CASE("a tap shows each command of a rate that it can follow") {
  const TempBus place;
  const TempFolder folder;
  const auto handler = handler_process(place.path(), echo_and_refuse(), {.label = "works"});
  auto bus = open_when_served(place.path(), "echo");
  const auto core = join(place.path());
  const std::string out = folder.path() + "/out";
  Child tap = start_tool({"tap", "echo", "--json", "--bus", place.path()}, out);
  REQUIRE(eventually([&] { return tapped(*core); }));
  auto echo = caller_of(bus, "echo");
  auto refuse = caller_of(bus, "refuse");
  constexpr std::uint64_t calls = 2'000;
  for (std::uint64_t i = 0; i < calls; ++i) {
    Block block{i, {i, i * 2, i * 3, i * 4}};
    Block reply;
    REQUIRE(echo.call(raw(block), raw(reply)));
    CHECK(reply.number == i);
    if (i % 100 == 0) CHECK_FALSE(refuse.call({}, {}));
    if (i % 10 == 0) nap(100us);
  }
  nap(200ms);
  tap.signal(SIGINT);
  CHECK(tap.wait(10s) == 0);
  std::uint64_t next = 0;
  for (const auto& line : lines_of(out)) {
    if (line["event"] == "skipped") continue;
    REQUIRE(line["name"] == "echo");
    CHECK(line["caller"]["label"] == "test");
    CHECK(line["handler"]["label"] == "handler process");
    CHECK(line["handler"]["pid"] == handler.pid());
    CHECK(line["outcome"] == "ok");
    CHECK(line["bytes_in"] == 40);
    Block block{next, {next, next * 2, next * 3, next * 4}};
    std::string hex;
    for (const auto byte : raw(block)) {
      constexpr const char* digits = "0123456789abcdef";
      hex += digits[std::to_integer<unsigned>(byte) >> 4U];
      hex += digits[std::to_integer<unsigned>(byte) & 15U];
    }
    REQUIRE(line["request_hex"] == hex);
    ++next;
  }
  CHECK(next == calls);
}

TEST_CASE("filters of a tap, in text") {
  const TempBus place;
  const TempFolder folder;
  const auto handler = handler_process(place.path(), echo_and_refuse());
  auto bus = open_when_served(place.path(), "refuse");
  const auto core = join(place.path());
  const std::string out = folder.path() + "/out";
  Child tap =
      start_tool({"tap", "--failed", "--from", "test", "--count", "1", "--bus", place.path()}, out);
  REQUIRE(eventually([&] { return tapped(*core); }));
  auto echo = caller_of(bus, "echo");
  auto refuse = caller_of(bus, "refuse");
  for (int i = 0; i < 50; ++i) CHECK(echo.call(bytes_of("hello"), {}).has_value() == false);
  CHECK_FALSE(refuse.call(bytes_of("let me in"), {}));
  CHECK(tap.wait(10s) == 0);
  const auto text = read_whole_file(out);
  INFO(text);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(((text.find("rejected(7)") != std::string::npos &&
          text.find("\"let me in\"") != std::string::npos) ||
         text.find("reply-too-large") != std::string::npos));
}

TEST_CASE("at full speed a tap counts what it skips, and calls go on") {
  const TempBus place;
  const TempFolder folder;
  const auto handler = handler_process(place.path(), echo_and_refuse());
  auto bus = open_when_served(place.path(), "echo");
  auto caller = caller_of(bus, "echo");
  (void)call_rate(caller, 100ms);
  const double without = call_rate(caller, 500ms);
  const std::string out = folder.path() + "/out";
  Child tap = start_tool({"tap", "--json", "--brief", "--bus", place.path()}, out);
  const auto core = join(place.path());
  REQUIRE(eventually([&] { return tapped(*core); }));
  const auto before = core->view().tap().head.next.load();
  const double with = call_rate(caller, 500ms);
  const auto recorded = core->view().tap().head.next.load() - before;
  nap(100ms);
  tap.signal(SIGTERM);
  CHECK(tap.wait(10s) == 0);
  const auto [shown, skipped] = told_in(out);
  std::printf("call rate: %.0f/s untapped, %.0f/s tapped (%.2f); %llu shown, %llu skipped\n",
              without, with, with / without, static_cast<unsigned long long>(shown),
              static_cast<unsigned long long>(skipped));
  CHECK(with > 0);
  // The tap itself takes a processor; with two of them, and neighbours, more cannot be asked.
  CHECK(with > without / 50);
  CHECK(shown + skipped + 64 >= recorded);  // a slot that two laps wrote at once may count twice
  CHECK(shown > 0);
}

TEST_CASE("a tap that cannot follow is overrun, says by how much, and no call waits for it") {
  Scene scene;
  Child tap = scene.tap();
  nap(50ms);
  const auto& head = scene.core->view().tap().head.next;
  const auto before = head.load();
  tap.signal(SIGSTOP);
  // Every command is recorded from here on, and the tap reads none of them.
  constexpr std::uint64_t calls = 5 * layout::tap_slots;
  std::vector<double> took_us;
  Block block;
  for (std::uint64_t i = 0; head.load() < before + calls; ++i) {
    if (i % 20 == 0) recorder::ask_for_events(scene.core->attachment(), true);
    block.number = i;
    Block reply;
    const Stopwatch watch;
    REQUIRE(scene.caller.call(raw(block), raw(reply), 5s) == sizeof reply);
    took_us.push_back(watch.ms() * 1e3);
    REQUIRE(reply.number == i);
  }
  // A moment until the handler had noticed the tap; then none went unrecorded.
  CHECK(took_us.size() < calls + 100);
  std::sort(took_us.begin(), took_us.end());
  const double median = took_us[took_us.size() / 2];
  CHECK(median < 1'000);  // whoever waited for a reader that is stopped would take its 5 s
  // An event is written after its command was answered, and before the next one is taken: once
  // nobody asks for events any more, one call more makes sure of the last.
  REQUIRE(eventually([&] { return !tapped(*scene.core); }, 5s));
  REQUIRE(scene.caller.call(raw(block), raw(block)));
  const auto recorded = head.load() - before;
  tap.signal(SIGCONT);
  // It reads what is left, and tells the rest.
  const auto all_told = [&] {
    const auto [shown, skipped] = told_in(scene.out);
    return shown + skipped >= recorded;
  };
  CHECK(eventually(all_told, 20s));
  tap.signal(SIGINT);
  CHECK(tap.wait(10s) == 0);
  const auto told = told_in(scene.out);
  std::printf(
      "stopped tap: %.1f us a call (median), %.0f us the slowest; %llu shown, %llu skipped\n",
      median, took_us.back(), static_cast<unsigned long long>(told.shown),
      static_cast<unsigned long long>(told.skipped));
  CHECK(told.skipped > 0);
  CHECK(told.skipped >= recorded - layout::tap_slots);
  CHECK(told.shown > 0);
  CHECK(told.shown + told.skipped == recorded);
}

TEST_CASE("a tap that is killed leaves recording off within a second or two") {
  Scene scene;
  {
    Child tap = scene.tap();
    CHECK(call_rate(scene.caller, 50ms) > 0);
    tap.kill();
  }
  CHECK(eventually([&] { return !tapped(*scene.core); }, 3s));
  CHECK(call_rate(scene.caller, 50ms) > 0);  // the handler looks again
  const auto before = scene.core->view().tap().head.next.load();
  CHECK(call_rate(scene.caller, 100ms) > 0);
  CHECK(scene.core->view().tap().head.next.load() == before);
}

TEST_CASE("forged events do no harm") {
  Scene scene;
  Child tap = scene.tap();
  SHMBUS_RANDOM(random);
  auto& shared = scene.core->view().tap();
  for (int i = 0; i < 20'000; ++i) {
    recorder::EventWords words{};
    for (auto& word : words) word = random();
    const auto event = recorder::unpack(words);
    if (i % 3 == 0) {
      recorder::tell_tap(scene.core->view(), event);  // whole, and nonsense
    } else if (i % 3 == 1) {
      shared.slot[random() % shared.slot.size()].word[random() % 16].store(random());
    } else {
      shared.spill[random() % shared.spill.size()].store(random());
      recorder::record(scene.core->view(), static_cast<std::uint32_t>(random() % 8), event);
    }
    if (i % 1'000 == 0) shared.head.next.store(random());
    if (i % 500 == 0) {
      std::uint64_t reply = 0;
      CHECK(scene.caller.call(raw(reply), raw(reply)));
    }
  }
  // Once the nonsense ends, true events are seen again.
  nap(100ms);
  for (int i = 0; i < 200; ++i) {
    Block block;
    CHECK(scene.caller.call(raw(block), raw(block)));
    nap(1ms);
  }
  nap(100ms);
  tap.signal(SIGINT);
  CHECK(tap.wait(20s) == 0);
  const auto lines = lines_of(scene.out);
  const auto true_ones = std::count_if(lines.begin(), lines.end(), [](const json& line) {
    return line["event"] == "served" && line["name"] == "echo" && line["bytes_in"] == 40;
  });
  CHECK(true_ones > 100);
  const auto seen = run_tool({"postmortem", "--json", "--bus", scene.place.path()});
  CHECK(seen.code == 0);
  CHECK(json::parse(seen.out).is_array());
  CHECK(run_tool({"postmortem", "--bus", scene.place.path()}).code == 0);
  std::uint64_t reply = 0;
  CHECK(scene.caller.call(raw(reply), raw(reply)));
}
