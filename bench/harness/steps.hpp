#pragma once
// Series of rows that differ in their payload alone, such as call.size.8B, call.size.24B...: how
// much more each costs than its neighbour below, and whether that is a step. No step is above 15 %
// up to 96 bytes, nor above 25 % beyond.

#include <string>
#include <vector>

#include "harness/summary.hpp"

namespace shmbus::bench {

struct Step {
  std::string series;  ///< call.size
  std::size_t from = 0;
  std::size_t to = 0;  ///< bytes
  double rise = 0;     ///< of the time for one command: 0.1 is a tenth more
  double limit = 0;    ///< above it, it is a step
  [[nodiscard]] bool is_step() const noexcept { return rise > limit; }
};

/// Between all neighbours of one series that were measured in one placement.
[[nodiscard]] std::vector<Step> steps_of(const std::vector<Figure>& figures);

/// A table; empty when there is no series.
[[nodiscard]] std::string steps_text(const std::vector<Step>& steps);

}  // namespace shmbus::bench
