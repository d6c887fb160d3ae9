#include "harness/latency_histogram.hpp"

#include <cmath>
#include <type_traits>

namespace shmbus::bench {

static_assert(std::is_trivially_copyable_v<LatencyHistogram>);
static_assert(LatencyHistogram::lower_edge(LatencyHistogram::bucket_of(1000)) <= 1000);
static_assert(LatencyHistogram::lower_edge(LatencyHistogram::bucket_of(1000) + 1) > 1000);

double LatencyHistogram::quantile(double fraction) const noexcept {
  if (total_ == 0) {
    return 0;
  }
  const auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(total_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted && counts_[bucket] != 0) {
      const double low = static_cast<double>(lower_edge(bucket));
      const double high = static_cast<double>(lower_edge(bucket + 1));
      const double middle = (low + high - 1) / 2;
      return middle < static_cast<double>(max_) ? middle : static_cast<double>(max_);
    }
  }
  return static_cast<double>(max_);
}

}  // namespace shmbus::bench
