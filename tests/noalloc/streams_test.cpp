// What a record of a stream costs beyond its own work, counted: no heap allocation and no page
// fault on either side once warm.
//
// Rounds, of which the quietest counts, for the reasons that noalloc_test.cpp gives.
#include <algorithm>
#include <array>
#include <cstring>

#include "noalloc/rounds.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr std::uint64_t records_in_round = 2000;  // more than the window has room for
constexpr std::size_t record_bytes = 64;

struct Manner {
  Records records = Records::from_handler;
  bool loan = false;
};

template <class To>
bool put(To& to, std::uint64_t number, bool loan) {
  std::array<std::byte, record_bytes> record{};
  std::memcpy(record.data(), &number, sizeof number);
  if (!loan) return to.put(record).has_value();
  auto place = to.loan(record_bytes);
  if (!place) return false;
  std::copy(record.begin(), record.end(), place->begin());
  return to.commit(record_bytes).has_value();
}

template <class From>
bool take(From& from, std::uint64_t number) {
  const auto record = from.next();
  std::uint64_t got = 0;
  if (record) std::memcpy(&got, record->data(), sizeof got);
  return record && got == number;
}

/// Rounds without an end, of a side that writes by `step(number)`, or reads.
template <class Step>
void write_rounds(Rounds& stage, Step step) {
  std::uint64_t number = 0;
  for (std::uint64_t round = 0;; ++round) {
    while (stage.wanted == round || stage.read != round) {
    }
    for (std::uint64_t i = 0; i < records_in_round; ++i) {
      if (!step(++number)) ++stage.failures;
    }
    ++stage.written;
  }
}
template <class Step>
void read_rounds(Rounds& stage, Step step) {
  std::uint64_t number = 0;
  for (;;) {
    for (std::uint64_t i = 0; i < records_in_round; ++i) {
      if (!step(++number)) ++stage.failures;
    }
    ++stage.read;
  }
}

int handle(const std::string& path, Rounds& stage, const Manner& manner) {
  count_into(manner.records == Records::from_handler ? stage.writer : stage.reader);
  auto bus = Bus::open(path);
  auto server = bus ? bus->serve() : fail(ErrorKind::bus_unusable, "");
  if (!server) return 1;
  const auto added = server->on("numbers", [&](Context& context) {
    if (manner.records == Records::from_handler) {
      RawWriter out(context);
      write_rounds(stage, [&](std::uint64_t number) { return put(out, number, manner.loan); });
    } else {
      RawReader in(context);
      read_rounds(stage, [&](std::uint64_t number) { return take(in, number); });
    }
    return Status::ok();
  });
  return added && server->run({}) ? 0 : 2;
}

int call(const std::string& path, Rounds& stage, const Manner& manner) {
  count_into(manner.records == Records::from_handler ? stage.reader : stage.writer);
  auto bus = Bus::open(path);
  if (!bus || !bus->wait_until_available("numbers", 10s)) return 1;
  auto caller = bus->caller("numbers", {.wait = WaitMode::spinning});
  if (!caller) return 2;
  auto stream = caller->open({}, {}, manner.records);
  if (!stream) return 3;
  if (manner.records == Records::from_handler) {
    read_rounds(stage, [&](std::uint64_t number) { return take(*stream, number); });
  } else {
    write_rounds(stage, [&](std::uint64_t number) { return put(*stream, number, manner.loan); });
  }
  return 0;
}

Costs cost_of(const Manner& manner, int rounds) {
  const TempBus place;
  const Shared<Rounds> stage;
  const Child handler([&] { return handle(place.path(), *stage, manner); });
  const Child caller([&] { return call(place.path(), *stage, manner); });
  return Rounding(*stage, handler, caller).quietest(rounds);
}

}  // namespace

TEST_CASE("no heap allocation and no page fault in a record of a stream, on either side") {
  REQUIRE(allocations_are_counted());
  for (const auto records : {Records::from_handler, Records::to_handler}) {
    for (const bool loan : {false, true}) {
      const Costs seen = cost_of({records, loan}, 30);
      CHECK(seen.allocations == 0);
      CHECK(seen.faults == 0);
    }
  }
}
