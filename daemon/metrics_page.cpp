#include "daemon/metrics_page.hpp"

namespace shmbus::daemon {
namespace {

// One bucket for each octave between 64 ns and 68 s: the segment's own are eight times as many,
// more than a time series database wants of each command.
constexpr std::uint32_t octave_first = 6;
constexpr std::uint32_t octave_last = 36;
constexpr double ns_per_s = 1e9;

}  // namespace

void Page::histogram(const stats::Counts& counts, std::string_view labels) {
  const std::string_view comma = labels.empty() ? "" : ",";
  std::uint64_t below = 0;
  double sum = 0;
  std::uint32_t bucket = 0;
  const auto add_one = [&] {
    below += counts.bucket[bucket];
    // The last one has no upper end.
    const bool last = bucket + 1 == counts.bucket.size();
    const auto middle = last ? stats::bucket_low_ns(bucket) : stats::bucket_middle_ns(bucket);
    sum += static_cast<double>(counts.bucket[bucket]) * static_cast<double>(middle) / ns_per_s;
    ++bucket;
  };
  for (std::uint32_t octave = octave_first; octave <= octave_last; ++octave) {
    const std::uint64_t end = 1ULL << octave;
    while (stats::bucket_low_ns(bucket) < end) add_one();
    // patterns: a number
    put("{}_bucket{{{}{}le=\"{}\"}} {}\n", name_, labels, comma,
        static_cast<double>(end) / ns_per_s, below);
  }
  while (bucket < counts.bucket.size()) add_one();
  put("{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name_, labels, comma, below);
  const std::string braces = labels.empty() ? std::string() : fmt::format("{{{}}}", labels);
  put("{}_sum{} {}\n{}_count{} {}\n", name_, braces, sum, name_, braces, below);
}

}  // namespace shmbus::daemon
