// The flight recorder's ring and the tap: what is whole is read as it was written, what is not is
// skipped and counted, the process that writes, dies or scribbles.
#include <atomic>
#include <thread>
#include <vector>

#include "os/clock.hpp"
#include "recorder/reader.hpp"
#include "recorder/recorder.hpp"
#include "recorder/ring.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;
using recorder::Event;
using recorder::Kind;

namespace {

/// Every field follows from the number, so that a mixture of two shows.
Event numbered(std::uint64_t n) {
  Event event;
  event.kind = Kind::served;
  event.flags = static_cast<std::uint8_t>(n);
  event.outcome = static_cast<std::uint16_t>(n * 3);
  event.record = static_cast<std::uint16_t>(n * 5);
  event.lane = static_cast<std::uint16_t>(n * 7);
  event.endpoint = static_cast<std::uint16_t>(n * 11);
  event.caller = layout::ParticipantId::from_bits(n * 13);
  event.handler = layout::ParticipantId::from_bits(n * 17);
  event.started_at = n;
  event.duration_ns = n * 19;
  event.queued_ns = n * 23;
  event.bytes_in = static_cast<std::uint32_t>(n * 29);
  event.bytes_out = static_cast<std::uint32_t>(n * 31);
  event.trace = {n * 37, n * 41};
  event.span = n * 43;
  event.parent_span = n * 47;
  event.detail = static_cast<std::uint32_t>(n * 53);
  event.set_excerpt(std::as_bytes(std::span(&n, 1)));
  return event;
}

bool same(const Event& a, const Event& b) { return recorder::pack(a) == recorder::pack(b); }

std::vector<std::byte> some_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + size);
  return bytes;
}

}  // namespace

TEST_CASE("an event survives its words") {
  const Event event = numbered(123'456'789);
  CHECK(same(recorder::unpack(recorder::pack(event)), event));
}

TEST_CASE("a ring keeps its newest events, the oldest first") {
  const TempBus place;
  const auto bus = join(place.path());
  constexpr std::uint32_t slot = 5;  // nobody's
  for (std::uint64_t n = 1; n <= 100; ++n) recorder::record(bus->view(), slot, numbered(n));
  const auto copy = recorder::read_ring(bus->view(), slot);
  CHECK(copy.written == 100);
  CHECK(copy.unreadable == 0);
  REQUIRE(copy.events.size() == layout::recorder_slots);
  for (std::size_t i = 0; i < copy.events.size(); ++i) {
    CHECK(copy.events[i].index == 68 + i);
    CHECK(same(copy.events[i].event, numbered(69 + i)));
  }
}

TEST_CASE("an index goes on past 32 bits") {
  const TempBus place;
  const auto bus = join(place.path());
  constexpr std::uint32_t slot = 5;
  const std::uint64_t from = (1ULL << 32U) - 10;
  bus->view().recorder(slot).head.next.store(from);
  for (std::uint64_t n = 0; n < 20; ++n) recorder::record(bus->view(), slot, numbered(n));
  const auto copy = recorder::read_ring(bus->view(), slot);
  REQUIRE(copy.events.size() == 20);
  CHECK(copy.events.front().index == from);
  CHECK(copy.events.back().index == from + 19);
}

TEST_CASE("what a killed or overtaken writer leaves is skipped and counted") {
  const TempBus place;
  const auto bus = join(place.path());
  constexpr std::uint32_t slot = 5;
  auto& ring = bus->view().recorder(slot);
  for (std::uint64_t n = 0; n < 32; ++n) recorder::record(bus->view(), slot, numbered(n));

  // Killed between its claim and the end.
  const auto claimed = ring.head.next.fetch_add(1);
  ring.slot[claimed % 32].word[0].store(recorder::SlotWord::make(claimed, 0).bits);
  auto copy = recorder::read_ring(bus->view(), slot);
  CHECK(copy.unreadable == 1);
  CHECK(copy.events.size() == 31);

  // Overtaken: its words come over those of a whole event.
  ring.slot[3].word[9].store(~0ULL);
  copy = recorder::read_ring(bus->view(), slot);
  CHECK(copy.unreadable == 2);
  CHECK(copy.events.size() == 30);

  // Another lap heals both.
  for (std::uint64_t n = 0; n < 32; ++n) recorder::record(bus->view(), slot, numbered(n));
  CHECK(recorder::read_ring(bus->view(), slot).unreadable == 0);
}

TEST_CASE("many threads write one ring, and readers see only whole events") {
  const TempBus place;
  const auto bus = join(place.path());
  constexpr std::uint32_t slot = 5;
  constexpr int writers = 3;
  std::atomic<int> running{writers};
  std::vector<std::thread> threads;
  for (int t = 0; t < writers; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t n = 0; n < 20'000; ++n) {
        recorder::record(bus->view(), slot, numbered(n * writers + static_cast<unsigned>(t)));
      }
      --running;
    });
  }
  std::uint64_t seen = 0;
  std::uint64_t mixed = 0;
  while (running != 0 || seen == 0) {
    for (const auto& one : recorder::read_ring(bus->view(), slot).events) {
      ++seen;
      if (!same(one.event, numbered(one.event.started_at))) ++mixed;
    }
  }
  for (auto& thread : threads) thread.join();
  CHECK(seen > 0);
  CHECK(mixed == 0);
}

TEST_CASE("the tap is followed in order, and says what it skipped") {
  const TempBus place;
  const auto bus = join(place.path());
  recorder::TapReader reader(bus->view());
  CHECK_FALSE(reader.next(0));
  for (std::uint64_t n = 0; n < 100; ++n) recorder::tell_tap(bus->view(), numbered(n));
  for (std::uint64_t n = 0; n < 100; ++n) {
    const auto event = reader.next(0);
    REQUIRE(event);
    CHECK(same(*event, numbered(n)));
  }
  CHECK(reader.skipped() == 0);
  for (std::uint64_t n = 0; n < layout::tap_slots + 50; ++n) {
    recorder::tell_tap(bus->view(), numbered(n));
  }
  REQUIRE(reader.next(0));
  CHECK(reader.skipped() == 50);
}

TEST_CASE("a tap waits a moment for a writer, then goes on without it") {
  const TempBus place;
  const auto bus = join(place.path());
  recorder::TapReader reader(bus->view());
  auto& tap = bus->view().tap();
  const auto claimed = tap.head.next.fetch_add(1);
  tap.slot[claimed].word[0].store(recorder::SlotWord::make(claimed, 0).bits);
  recorder::tell_tap(bus->view(), numbered(1));
  CHECK_FALSE(reader.next(1'000'000));
  CHECK_FALSE(reader.next(2'000'000));
  const auto event = reader.next(30'000'000);
  REQUIRE(event);
  CHECK(event->started_at == 1);
  CHECK(reader.skipped() == 1);
}

TEST_CASE("nonsense in the tap's head costs events, no time") {
  const TempBus place;
  const auto bus = join(place.path());
  recorder::TapReader reader(bus->view());
  auto& head = bus->view().tap().head.next;
  head.fetch_add(1ULL << 40U);
  std::uint64_t now = 1;
  (void)reader.next(now);
  now += 25'000'000;
  CHECK_FALSE(reader.next(now));
  recorder::tell_tap(bus->view(), numbered(7));
  CHECK(reader.next(now));
  head.store(3);  // backwards
  CHECK_FALSE(reader.next(now));
  recorder::tell_tap(bus->view(), numbered(8));
  const auto event = reader.next(now);
  REQUIRE(event);
  CHECK(event->started_at == 8);
}

TEST_CASE("requests beside the tap come back byte by byte, or not at all") {
  const TempBus place;
  const auto bus = join(place.path());
  const recorder::TapReader reader(bus->view());
  for (const std::size_t size : {0U, 1U, 31U, 32U, 33U, 40U, 63U, 64U, 65U, 1000U, 4096U, 16384U}) {
    const auto request = some_bytes(size);
    Event event;
    event.bytes_in = static_cast<std::uint32_t>(size);
    event.set_excerpt(request);
    event.spilled = recorder::spill(bus->view(), request);
    const auto back = reader.request_of(event);
    INFO(size);
    REQUIRE(back);
    CHECK(*back == request);
  }
  // Longer than what is kept: its beginning.
  const auto large = some_bytes(100'000);
  Event event;
  event.bytes_in = 100'000;
  event.spilled = recorder::spill(bus->view(), large);
  const auto cut = reader.request_of(event);
  REQUIRE(cut);
  CHECK(cut->size() == layout::tap_payload_bytes_max);
  CHECK(std::equal(cut->begin(), cut->end(), large.begin()));
  // Overwritten.
  for (int i = 0; i < 20; ++i) (void)recorder::spill(bus->view(), large);
  CHECK_FALSE(reader.request_of(event));
  // Forged.
  for (std::uint32_t where = 1; where < 100'000; where += 37) {
    event.spilled = where;
    if (const auto any = reader.request_of(event)) CHECK(any->size() <= event.bytes_in);
  }
}

TEST_CASE("a wish for events ends by itself, and a forged one is not believed") {
  const TempBus place;
  const auto bus = join(place.path());
  const auto& a = bus->attachment();
  const std::uint64_t now = wait::ticks();
  CHECK_FALSE(recorder::tap_wish(a, now).events);
  recorder::ask_for_events(a, false);
  CHECK(recorder::tap_wish(a, wait::ticks()).events);
  CHECK_FALSE(recorder::tap_wish(a, wait::ticks()).payload);
  recorder::ask_for_events(a, true);
  CHECK(recorder::tap_wish(a, wait::ticks()).payload);
  CHECK_FALSE(recorder::tap_wish(a, now + a.rate.from_ns(1'500'000'000)).events);
  bus->view().tap().control.wanted_until.store(~0ULL);
  CHECK_FALSE(recorder::tap_wish(a, wait::ticks()).events);
}
