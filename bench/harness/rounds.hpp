#pragma once
// Runs the entries in interleaved rounds. A round goes once through all entries; before each entry
// that has a reference (ratio_to) the reference is measured again unless that happened a moment
// ago, so a ratio compares two figures taken within a fraction of a second, and in the same
// placement of the cores. A round is disturbed when the cores moved or other programs took them; it
// is repeated a few times, and if that does not help it is kept and labelled, so that a busy
// machine yields figures that say so.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/placement.hpp"
#include "harness/registry.hpp"

namespace shmbus::bench {

struct RoundPlan {
  int rounds = 7;
  RoundBudget budget;
  int retries = 2;                ///< of a round that was disturbed
  double time_limit_ns = 3600e9;  ///< no round is begun after this
  bool probe = true;              ///< label rounds with their placement
  /// Measure in this placement only: wait for it, until each row has `rounds` undisturbed rounds of
  /// it or the time is over.
  std::optional<Placement> only{};
};

/// One entry in one round.
struct Sample {
  Placement placement = Placement::mixed;
  bool quiet = true;  ///< no other program took a core, more than now and then
  double value = 0;
  double ratio = 0;  ///< value / the reference's value beside it; 0 without one
  double p50 = 0;    ///< nanoseconds; 0 where single calls were not timed
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  double ratio_p99 = 0;  ///< p99 / the reference's p99
};

/// Everything measured of one entry.
struct Row {
  const Entry* entry = nullptr;
  std::vector<Sample> samples;
  RoundResult::Status status = RoundResult::Status::ok;
  std::string why;
  /// All rounds together, quiet ones apart from disturbed ones.
  std::shared_ptr<LatencyHistogram> quiet_latency;
  std::shared_ptr<LatencyHistogram> disturbed_latency;

  /// Of the quiet rounds; of the others when there were none.
  [[nodiscard]] const LatencyHistogram& latency() const noexcept {
    return quiet_latency->total() != 0 ? *quiet_latency : *disturbed_latency;
  }
};

struct Run {
  std::vector<Row> rows;
  std::vector<PlacementProbe> probes;
};

/// `wanted` in the order to run; references they name are measured too, and come first.
/// `progress` is told a line of text now and then.
[[nodiscard]] Run run_rounds(const Registry& registry, const std::vector<const Entry*>& wanted,
                             const RoundPlan& plan,
                             const std::function<void(const std::string&)>& progress);

}  // namespace shmbus::bench
