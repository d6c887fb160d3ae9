// Which schedules are tried: all with few enough deviations from the usual one, those with the
// fewest first; or random ones.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "schedule/stage.hpp"

namespace shmbus::schedule {

struct Bounds {
  unsigned preemptions = 2;  ///< somebody else goes on though who ran could have
  unsigned kills = 0;
  unsigned stops = 0;  ///< the same, and who ran is stopped for a while
  unsigned stale = 0;  ///< a load returns an older value, or a store goes before another's
  unsigned turns = 1;  ///< of those who could go on, not the next in turn does
  std::uint64_t executions = ~0ULL;
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
};

struct Report {
  std::uint64_t executions = 0;
  std::uint64_t steps = 0;
  std::uint32_t shared_words = 0;
  bool complete = true;  ///< everything within the bounds was tried
  std::optional<Plan> found;
  std::uint64_t seed = 0;  ///< of the execution that failed, when it was a random one
  std::string failure;
};

class Explorer {
 public:
  Explorer(World& world, Scheduler& scheduler, Stage& stage, const Scene& scene);

  Report systematic(const Bounds& bounds);
  Report random(std::uint64_t seed, const Bounds& bounds);
  /// One execution; what was wrong with it.
  std::string replay(const Plan& plan);

 private:
  struct Node {
    Plan plan;
    Bounds left;
  };
  Scheduler::Outcome execute(const Plan& plan, const Scheduler::Random* random = nullptr);
  static void branch(const Node& node, const Choice& choice, std::deque<Node>& next);
  bool sweep(const Bounds& bounds, Report& report);

  World* world_;
  Scheduler* scheduler_;
  Stage* stage_;
  const Scene* scene_;
  SharedWords shared_;
};

}  // namespace shmbus::schedule
