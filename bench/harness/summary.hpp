#pragma once
// What is said of an entry after all its rounds. Medians are taken over rounds of one placement
// only.

#include <optional>
#include <string>
#include <vector>

#include "harness/rounds.hpp"

namespace shmbus::bench {

struct Figure {
  std::string name;
  std::size_t payload = 0;
  std::string mode;
  Unit unit = Unit::nanoseconds;
  std::string ratio_to;
  std::string placement;
  bool quiet = true;  ///< false: too few rounds were undisturbed, so disturbed ones are in

  // Over the rounds of that placement: medians.
  double value = 0;
  double p50 = 0, p90 = 0, p99 = 0, p999 = 0;  ///< 0 where single calls were not timed
  double ratio = 0, ratio_p99 = 0;             ///< 0 without a reference
  double spread = 0;                           ///< interquartile range of value / median
  // Over all rounds together, since a single round has too few calls for these.
  double p9999 = 0, max = 0;

  std::vector<double> samples;        ///< value of each round, for significance tests
  std::vector<double> ratio_samples;  ///< ratio of each round

  RoundResult::Status status = RoundResult::Status::ok;
  std::string why;

  /// Operations per second: the value of a rate, the reciprocal of a latency, else 0.
  [[nodiscard]] double rate() const noexcept;
};

/// One figure per row, for `placement`, or else for the placement that most rounds of the run had
/// (a row with too few rounds of it is told for its own most frequent one, and says so).
[[nodiscard]] std::vector<Figure> summarize(const Run& run,
                                            std::optional<Placement> placement = {});

}  // namespace shmbus::bench
