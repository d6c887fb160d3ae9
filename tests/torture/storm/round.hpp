// One round: a fresh bus, its processes, blows, and the reckoning.
#pragma once

#include <chrono>
#include <string>

#include "torture/storm/weather.hpp"
#include "torture/support/summary.hpp"

namespace shmbus::torture {

struct RoundResult {
  Summary summary;
  std::uint64_t commands = 0;
  std::uint64_t kills = 0;
  std::uint64_t stops = 0;
  std::uint64_t restarts = 0;
  std::uint64_t handed_over = 0;  ///< to another handler, both alive
  std::uint64_t slowest_ns = 0;
  std::string counts;
};

/// Ends after `length`, or when the book is full.
RoundResult play_round(const Weather& weather, std::uint64_t seed, std::chrono::nanoseconds length);

}  // namespace shmbus::torture
