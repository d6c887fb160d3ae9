#pragma once
// A log-linear histogram of latencies in clock ticks: exact below 256, then 128 buckets per power
// of two, so a quantile is off by at most 0.8 %. Plain data without pointers: the measuring process
// fills one in shared memory and the suite's process reads it there.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace shmbus::bench {

class LatencyHistogram {
 public:
  static constexpr unsigned kSubBucketBits = 7;
  static constexpr std::uint64_t kSubBuckets = 1U << kSubBucketBits;
  static constexpr unsigned kValueBitsMax = 44;
  static constexpr std::size_t kBuckets =
      2 * kSubBuckets + (kValueBitsMax - kSubBucketBits - 1) * kSubBuckets;

  void record(std::uint64_t ticks) noexcept {
    ++counts_[bucket_of(ticks)];
    ++total_;
    max_ = ticks > max_ ? ticks : max_;
  }

  void merge(const LatencyHistogram& other) noexcept {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      counts_[i] += other.counts_[i];
    }
    total_ += other.total_;
    max_ = other.max_ > max_ ? other.max_ : max_;
  }

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
  [[nodiscard]] std::uint64_t count_in(std::size_t bucket) const noexcept {
    return counts_[bucket];
  }

  /// The smallest recorded value that at least `fraction` of all values do not exceed (the middle
  /// of its bucket); 0 when nothing was recorded.
  [[nodiscard]] double quantile(double fraction) const noexcept;

  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t ticks) noexcept {
    if (ticks < 2 * kSubBuckets) {
      return static_cast<std::size_t>(ticks);
    }
    const unsigned shift = static_cast<unsigned>(std::bit_width(ticks)) - kSubBucketBits - 1;
    const std::size_t bucket =
        2 * kSubBuckets + (shift - 1) * kSubBuckets + ((ticks >> shift) - kSubBuckets);
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }

  /// The first value that falls into the bucket.
  [[nodiscard]] static constexpr std::uint64_t lower_edge(std::size_t bucket) noexcept {
    if (bucket < 2 * kSubBuckets) {
      return bucket;
    }
    const std::size_t above = bucket - 2 * kSubBuckets;
    const unsigned shift = static_cast<unsigned>(above / kSubBuckets) + 1;
    return (kSubBuckets + above % kSubBuckets) << shift;
  }

 private:
  std::array<std::uint32_t, kBuckets> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace shmbus::bench
