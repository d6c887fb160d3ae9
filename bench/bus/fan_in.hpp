#pragma once
// N callers send one-way commands to one handler: the rate of all together, and how evenly the
// handler served them.

#include "harness/registry.hpp"
#include "shmbus/options.hpp"

namespace shmbus::bench {

struct FanInPlan {
  unsigned producers = 1;
  std::uint32_t hot_lanes = 8;
  Order order = Order::per_caller;
};

enum class FanInFigure {
  rate,      ///< commands per second, all callers
  fairness,  ///< the least served caller / the most served one
};

[[nodiscard]] RoundResult run_fan_in(const RoundBudget& budget, const FanInPlan& plan,
                                     FanInFigure figure);

}  // namespace shmbus::bench
