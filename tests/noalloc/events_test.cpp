// What an event costs beyond its own work, counted: no heap allocation and no page fault on either
// side once warm, and no system call while both are awake and nobody skips.
//
// Rounds, of which the quietest counts, for the reasons that noalloc_test.cpp gives.
#include <algorithm>
#include <array>

#include "noalloc/rounds.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr std::uint64_t events_in_round = 200;

struct Tick {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 5> filler{};
};
using Price = Event<"price", Tick>;

struct Manner {
  const char* name;
  WhenSlow slow = WhenSlow::hold;
  bool loan = false;
  bool sealed = false;
};

bool publish(Publisher<Price>& out, std::uint64_t number, bool loan) {
  if (!loan) return out.publish(Tick{number, {}}, 10s).has_value();
  auto place = out.loan(0, 10s);
  if (!place) return false;
  (*place)->number = number;
  return place->publish().has_value();
}

int publish_counted(const std::string& path, Rounds& stage, const Manner& manner) {
  count_into(stage.writer);
  auto bus = Bus::open(path);
  auto out = bus ? bus->publisher<Price>({.keep = 300}) : fail(ErrorKind::bus_unusable, "");
  if (!out) return 1;
  ++stage.there;
  std::uint64_t number = 0;
  for (std::uint64_t round = 0;; ++round) {
    while (stage.wanted == round || stage.read != round || stage.there < 2) {
    }
    if (manner.sealed && round == warm_up_rounds && !forbid_system_calls()) return 77;
    for (std::uint64_t i = 0; i < events_in_round; ++i) {
      if (!publish(*out, ++number, manner.loan)) ++stage.failures;
    }
    ++stage.written;
  }
}

int read_counted(const std::string& path, Rounds& stage, const Manner& manner) {
  count_into(stage.reader);
  auto bus = Bus::open(path);
  if (!bus) return 1;
  auto in = bus->subscribe<Price>({.when_slow = manner.slow, .wait = WaitMode::spinning});
  if (!in) return 2;
  ++stage.there;
  std::uint64_t number = 0;
  for (std::uint64_t round = 0;; ++round) {
    if (manner.sealed && round == warm_up_rounds && !forbid_system_calls()) return 77;
    for (std::uint64_t i = 0; i < events_in_round; ++i) {
      const auto event = in->next(forever);
      if (!event || (*event)->number != ++number) ++stage.failures;
    }
    ++stage.read;
  }
}

Costs cost_of(const Manner& manner, int rounds) {
  const TempBus place;
  const Shared<Rounds> stage;
  const Child publisher([&] { return publish_counted(place.path(), *stage, manner); });
  REQUIRE(eventually([&] { return stage->there == 1; }, 10s));
  const Child subscriber([&] { return read_counted(place.path(), *stage, manner); });
  return Rounding(*stage, publisher, subscriber).quietest(rounds);
}

}  // namespace

TEST_CASE("no heap allocation and no page fault in an event, on either side") {
  REQUIRE(allocations_are_counted());
  constexpr Manner manners[] = {{"by value, held", WhenSlow::hold},
                                {"in place, held", WhenSlow::hold, true},
                                {"by value, skipped", WhenSlow::skip}};
  for (const auto& manner : manners) {
    INFO(manner.name);
    const Costs seen = cost_of(manner, 30);
    CHECK(seen.allocations == 0);
    CHECK(seen.faults == 0);
  }
}

TEST_CASE("no system call in an event while both are awake and nobody skips") {
  for (const bool loan : {false, true}) {
    const Costs seen = cost_of({"sealed", WhenSlow::hold, loan, true}, 2'000);
    INFO((loan ? "in place" : "by value"));
    CHECK(seen.system_calls == 0);
  }
}
