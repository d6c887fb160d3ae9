#pragma once
// Pictures of latency histograms on logarithmic axes: as text for a terminal, as SVG for documents.

#include <string>
#include <vector>

#include "harness/latency_histogram.hpp"

namespace shmbus::bench {

struct NamedHistogram {
  std::string name;
  const LatencyHistogram* histogram;
};

/// One bar per eighth of a power of two.
[[nodiscard]] std::string histogram_text(const NamedHistogram& histogram);

/// One curve per histogram: latency across, share of calls in each eighth of a power of two upward.
[[nodiscard]] std::string histograms_svg(const std::vector<NamedHistogram>& histograms);

}  // namespace shmbus::bench
