// What an event costs beyond its own work, counted: no heap allocation and no page fault on either
// side once warm, and no system call while both are awake and nobody skips.
//
// Rounds, of which the quietest counts, for the reasons that noalloc_test.cpp gives.
#include <algorithm>
#include <array>

#include "noalloc/meters.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr std::uint64_t events_in_round = 200;
constexpr std::uint64_t warm_up_rounds = 10;

struct Tick {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 5> filler{};
};
using Price = Event<"price", Tick>;

struct Stage {
  Meters publisher;
  Meters subscriber;
  std::atomic<int> there{0};
  std::atomic<std::uint64_t> wanted{0};  ///< rounds
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> read{0};
  std::atomic<std::uint64_t> failures{0};
};

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

int publish_counted(const std::string& path, Stage& stage, const Manner& manner) {
  count_into(stage.publisher);
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
    ++stage.published;
  }
}

int read_counted(const std::string& path, Stage& stage, const Manner& manner) {
  count_into(stage.subscriber);
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

struct Costs {
  std::uint64_t allocations = 0;
  std::uint64_t faults = 0;
  std::uint64_t system_calls = 0;
};

class Scene {
 public:
  explicit Scene(const Manner& manner)
      : publisher_([&] { return publish_counted(place_.path(), *stage_, manner); }) {
    REQUIRE(eventually([&] { return stage_->there == 1; }, 10s));
    subscriber_ = Child([&] { return read_counted(place_.path(), *stage_, manner); });
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
    REQUIRE(eventually([&] { return stage_->read == round && stage_->published == round; }, 60s));
    const Costs after = so_far();
    return {after.allocations - before.allocations, after.faults - before.faults,
            after.system_calls - before.system_calls};
  }
  Costs so_far() {
    const auto& s = *stage_;
    return {s.publisher.allocations + s.subscriber.allocations,
            page_faults(publisher_.pid()) + page_faults(subscriber_.pid()),
            s.publisher.system_calls + s.subscriber.system_calls};
  }

  TempBus place_;
  Shared<Stage> stage_;
  Child publisher_;
  Child subscriber_;
};

}  // namespace

TEST_CASE("no heap allocation and no page fault in an event, on either side") {
  REQUIRE(allocations_are_counted());
  constexpr Manner manners[] = {{"by value, held", WhenSlow::hold},
                                {"in place, held", WhenSlow::hold, true},
                                {"by value, skipped", WhenSlow::skip}};
  for (const auto& manner : manners) {
    INFO(manner.name);
    const Costs seen = Scene(manner).quietest(30);
    CHECK(seen.allocations == 0);
    CHECK(seen.faults == 0);
  }
}

TEST_CASE("no system call in an event while both are awake and nobody skips") {
  for (const bool loan : {false, true}) {
    const Costs seen = Scene({"sealed", WhenSlow::hold, loan, true}).quietest(2'000);
    INFO((loan ? "in place" : "by value"));
    CHECK(seen.system_calls == 0);
  }
}
