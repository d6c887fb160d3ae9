// Recording into and reading from the log-linear histograms of layout/stats.hpp (the bucket scheme
// of HdrHistogram by Gil Tene: linear within an octave, logarithmic across).
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "layout/stats.hpp"

namespace shmbus::stats {

inline constexpr std::uint32_t buckets_per_octave = 8;

constexpr std::uint32_t bucket_of(std::uint64_t ns) noexcept {
  if (ns < buckets_per_octave) return static_cast<std::uint32_t>(ns);
  const auto octave = static_cast<std::uint32_t>(std::bit_width(ns)) - 4U;
  const auto index =
      (octave + 1) * buckets_per_octave + static_cast<std::uint32_t>((ns >> octave) & 7U);
  return index < layout::histogram_buckets ? index : layout::histogram_buckets - 1;
}

constexpr std::uint64_t bucket_low_ns(std::uint32_t bucket) noexcept {
  if (bucket < 2 * buckets_per_octave) return bucket;
  const std::uint32_t octave = bucket / buckets_per_octave - 1;
  return (8ULL + bucket % buckets_per_octave) << octave;
}

constexpr std::uint64_t bucket_middle_ns(std::uint32_t bucket) noexcept {
  return (bucket_low_ns(bucket) + bucket_low_ns(bucket + 1)) / 2;
}

static_assert(bucket_of(7) == 7 && bucket_of(8) == 8 && bucket_of(15) == 15 && bucket_of(16) == 16);
static_assert(bucket_low_ns(bucket_of(1000)) <= 1000);

#if defined(SHMBUS_NO_COUNTERS)
inline constexpr bool compiled_in = false;  // to measure what they cost
#else
inline constexpr bool compiled_in = true;
#endif

/// Single writer: no read-modify-write is needed.
inline void add(layout::Word64& counter, std::uint64_t amount) noexcept {
  if (!compiled_in) return;
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

inline void record(layout::Histogram& histogram, std::uint64_t ns) noexcept {
  add(histogram.bucket[bucket_of(ns)], 1);
}

/// A reader's copy; several may be summed.
struct Counts {
  std::array<std::uint64_t, layout::histogram_buckets> bucket{};
  std::uint64_t total = 0;

  void add(const layout::Histogram& from) noexcept {
    for (std::size_t i = 0; i < bucket.size(); ++i) {
      const std::uint64_t n = from.bucket[i].load(std::memory_order_relaxed);
      bucket[i] += n;
      total += n;
    }
  }
  /// What was added since `earlier`.
  [[nodiscard]] Counts since(const Counts& earlier) const noexcept {
    Counts difference;
    for (std::size_t i = 0; i < bucket.size(); ++i) {
      difference.bucket[i] = bucket[i] - earlier.bucket[i];
      difference.total += difference.bucket[i];
    }
    return difference;
  }
  /// The middle of the bucket in which that share of the values lies; 0 when there are none.
  [[nodiscard]] std::uint64_t quantile_ns(double share) const noexcept {
    if (total == 0) return 0;
    const double wanted = share * static_cast<double>(total);
    std::uint64_t seen = 0;
    for (std::uint32_t i = 0; i < bucket.size(); ++i) {
      seen += bucket[i];
      if (seen != 0 && static_cast<double>(seen) >= wanted) return bucket_middle_ns(i);
    }
    return bucket_middle_ns(layout::histogram_buckets - 1);
  }
};

}  // namespace shmbus::stats
