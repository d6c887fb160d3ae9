#pragma once
// The little statistics that rounds need: medians, spread, and whether two sets of rounds differ.

#include <span>
#include <utility>
#include <vector>

namespace shmbus::bench {

[[nodiscard]] double quantile_of(std::vector<double> values, double fraction);
[[nodiscard]] inline double median_of(std::vector<double> values) {
  return quantile_of(std::move(values), 0.5);
}

/// Interquartile range divided by the median.
[[nodiscard]] double relative_spread(const std::vector<double>& values);

/// Two-sided p of the Mann-Whitney U test: how likely two sets drawn from one distribution would
/// differ in rank by at least this much. Exact for small sets without ties, else the normal
/// approximation with tie and continuity corrections. 1 when either set is empty.
[[nodiscard]] double mann_whitney_p(std::span<const double> a, std::span<const double> b);

}  // namespace shmbus::bench
