// Publishes aggregated counters into the segment, of whose PublishedName and PublishedBus lines
// shmbusd is the only writer. Driven by the supervisor's statistics interval.
//
//   rates       differences of counters between two passes
//   p50, p99    of what was recorded between two passes; of all time while nothing is recorded
//   depth       commands committed and not started, at the endpoints of all who serve the name.
//               Lanes lead to endpoints, not to names, so each name of an endpoint shows the depth
//               of the whole endpoint; members of a group have one for each name that they share
//
// Counters are read once into locals. A peer that scribbles over them gets wrong figures for its
// names; a counter that went backwards counts as a rate of 0.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/messages.hpp"
#include "segment/view.hpp"
#include "stats/histogram.hpp"

namespace shmbus::daemon {

class Publisher {
 public:
  Publisher(const segment::View& view, std::uint32_t pid);

  /// One pass. `now` is CLOCK_MONOTONIC.
  void publish(Nanos now);
  void count_death() noexcept;
  /// The last word: no daemon publishes any more.
  void withdraw() noexcept;

 private:
  struct Summary {
    std::uint64_t p50 = 0;
    std::uint64_t p99 = 0;
  };
  struct NameHistory {
    std::uint64_t commands = 0;
    std::uint64_t errors = 0;
    std::uint64_t sampled = 0;
    bool summed_up = false;  ///< `shown` is of all time and nothing was recorded since
    stats::Counts service;
    Summary shown;
  };

  NameHistory& history_of(std::uint32_t name);
  std::uint64_t publish_name(std::uint32_t name, double elapsed_s);
  void publish_bus(std::uint64_t commands_per_s);
  void count_depths();
  [[nodiscard]] std::uint64_t depth_of_name(std::uint32_t name) const noexcept;
  void sum_round_trips();
  static Summary summarise(const stats::Counts& interval, const stats::Counts& all) noexcept;

  const segment::View& view_;
  std::uint32_t pid_;
  std::uint64_t passes_ = 0;
  std::uint64_t deaths_ = 0;
  Nanos last_pass_ = 0;
  std::vector<std::unique_ptr<NameHistory>> names_;
  std::vector<std::uint64_t> depths_;  ///< by endpoint
  std::vector<bool> lane_used_;        ///< since its first lease, for ever
  std::uint64_t calls_ = 0;
  bool round_trips_summed_up_ = false;
  stats::Counts round_trips_;
  Summary round_trip_;
};

}  // namespace shmbus::daemon
