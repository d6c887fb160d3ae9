// Rounds of two processes that work on each other's output, and the least that a round has cost.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "noalloc/meters.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"

namespace shmbus::test {

inline constexpr std::uint64_t warm_up_rounds = 10;

/// What the two processes and the test share.
struct Rounds {
  Meters writer;
  Meters reader;
  std::atomic<int> there{0};             ///< processes that are ready
  std::atomic<std::uint64_t> wanted{0};  ///< rounds
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> read{0};
  std::atomic<std::uint64_t> failures{0};
};

struct Costs {
  std::uint64_t allocations = 0;
  std::uint64_t faults = 0;
  std::uint64_t system_calls = 0;
};

/// Measures `writer` and `reader`, which count into `rounds`.
class Rounding {
 public:
  Rounding(Rounds& rounds, const Child& writer, const Child& reader)
      : rounds_(rounds), writer_(writer), reader_(reader) {
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
    CHECK(rounds_.failures == 0);
    return best;
  }

 private:
  Costs one_round() {
    const Costs before = so_far();
    const std::uint64_t round = ++rounds_.wanted;
    REQUIRE(eventually([&] { return rounds_.read == round && rounds_.written == round; }, 60s));
    const Costs after = so_far();
    return {after.allocations - before.allocations, after.faults - before.faults,
            after.system_calls - before.system_calls};
  }
  [[nodiscard]] Costs so_far() const {
    return {rounds_.writer.allocations + rounds_.reader.allocations,
            page_faults(writer_.pid()) + page_faults(reader_.pid()),
            rounds_.writer.system_calls + rounds_.reader.system_calls};
  }

  Rounds& rounds_;
  const Child& writer_;
  const Child& reader_;
};

}  // namespace shmbus::test
