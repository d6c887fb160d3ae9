// What a record of a stream costs beyond its own work, counted: no heap allocation and no page
// fault on either side once warm, and no system call while both are awake.
//
// Rounds, of which the quietest counts, for the reasons that noalloc_test.cpp gives.
#include <algorithm>
#include <array>
#include <cstring>

#include "noalloc/meters.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr std::uint64_t records_in_round = 2000;  // more than the window has room for
constexpr std::uint64_t warm_up_rounds = 10;
constexpr std::size_t record_bytes = 64;

struct Stage {
  Meters handler;
  Meters caller;
  std::atomic<std::uint64_t> wanted{0};  ///< rounds
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> failures{0};
};

struct Manner {
  Records records = Records::from_handler;
  bool loan = false;
  bool sealed = false;
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

/// Rounds without an end, of a side that writes by `step(number)` or reads.
template <class Step>
void rounds(Stage& stage, bool sealed, bool reader, Step step) {
  std::uint64_t number = 0;
  for (std::uint64_t round = 0;; ++round) {
    while (!reader && (stage.wanted == round || stage.done != round)) {
    }
    if (sealed && round == warm_up_rounds && !forbid_system_calls()) return;
    for (std::uint64_t i = 0; i < records_in_round; ++i) {
      if (!step(++number)) ++stage.failures;
    }
    if (reader) ++stage.done;
  }
}

int handle(const std::string& path, Stage& stage, const Manner& manner) {
  count_into(stage.handler);
  auto bus = Bus::open(path);
  auto server = bus ? bus->serve() : fail(ErrorKind::bus_unusable, "");
  if (!server) return 1;
  const auto added = server->on("numbers", [&](Context& context) {
    if (manner.records == Records::from_handler) {
      RawWriter out(context);
      rounds(stage, manner.sealed, false,
             [&](std::uint64_t number) { return put(out, number, manner.loan); });
    } else {
      RawReader in(context);
      rounds(stage, manner.sealed, true, [&](std::uint64_t number) { return take(in, number); });
    }
    return Status::ok();
  });
  return added && server->run({}) ? 0 : 2;
}

int call(const std::string& path, Stage& stage, const Manner& manner) {
  count_into(stage.caller);
  auto bus = Bus::open(path);
  if (!bus || !bus->wait_until_available("numbers", 10s)) return 1;
  auto caller = bus->caller("numbers", {.wait = WaitMode::spinning});
  if (!caller) return 2;
  auto stream = caller->open({}, {}, manner.records);
  if (!stream) return 3;
  if (manner.records == Records::from_handler) {
    rounds(stage, manner.sealed, true, [&](std::uint64_t number) { return take(*stream, number); });
  } else {
    rounds(stage, manner.sealed, false,
           [&](std::uint64_t number) { return put(*stream, number, manner.loan); });
  }
  return 0;
}

struct Costs {
  std::uint64_t allocations = 0;
  std::uint64_t faults = 0;
  std::uint64_t system_calls = 0;
};

class Scene {
 public:
  explicit Scene(const Manner& manner)
      : handler_([&] { return handle(place_.path(), *stage_, manner); }),
        caller_([&] { return call(place_.path(), *stage_, manner); }) {
    for (std::uint64_t i = 0; i <= warm_up_rounds; ++i) (void)one_round();
  }

  /// The least of each that a round has cost.
  Costs quietest(int rounds) {
    Costs best{~0ULL, ~0ULL, ~0ULL};
    for (int i = 0; i < rounds; ++i) {
      const Costs now = one_round();
      best.allocations = std::min(best.allocations, now.allocations);
      best.faults = std::min(best.faults, now.faults);
      best.system_calls = std::min(best.system_calls, now.system_calls);
      if (best.allocations + best.faults + best.system_calls == 0) break;
    }
    CHECK(stage_->failures == 0);
    return best;
  }

 private:
  Costs one_round() {
    const Costs before = so_far();
    const std::uint64_t round = ++stage_->wanted;
    REQUIRE(eventually([&] { return stage_->done == round; }, 60s));
    const Costs after = so_far();
    return {after.allocations - before.allocations, after.faults - before.faults,
            after.system_calls - before.system_calls};
  }
  Costs so_far() {
    const auto& s = *stage_;
    return {s.handler.allocations + s.caller.allocations,
            page_faults(handler_.pid()) + page_faults(caller_.pid()),
            s.handler.system_calls + s.caller.system_calls};
  }

  TempBus place_;
  Shared<Stage> stage_;
  Child handler_;
  Child caller_;
};

}  // namespace

TEST_CASE("no heap allocation and no page fault in a record of a stream, on either side") {
  REQUIRE(allocations_are_counted());
  for (const auto records : {Records::from_handler, Records::to_handler}) {
    for (const bool loan : {false, true}) {
      const Costs seen = Scene({records, loan}).quietest(30);
      CHECK(seen.allocations == 0);
      CHECK(seen.faults == 0);
    }
  }
}
