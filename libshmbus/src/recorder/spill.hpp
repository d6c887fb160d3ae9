// The ring of request bytes beside the tap's events: claimed by one fetch_add, judged by a checksum
// when it is read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "layout/recorder.hpp"

namespace shmbus::recorder {

inline constexpr std::uint64_t spill_unit_words = 8;  // one line
inline constexpr std::uint64_t spill_words = layout::tap_spill_bytes / 8;
inline constexpr std::uint64_t spill_head_words = 2;

constexpr std::uint64_t spill_units(std::uint64_t bytes) noexcept {
  return (spill_head_words * 8 + bytes + 63) / 64;
}

/// Word `i` of what lies at `position` (in units).
constexpr std::uint64_t spill_index(std::uint64_t position, std::uint64_t i) noexcept {
  return (position * spill_unit_words + i) & (spill_words - 1);
}

/// Over where it lies, how long it is and what it holds.
class SpillSum {
 public:
  explicit SpillSum(std::uint32_t position) noexcept : sum_(position + 1) {}
  void add(std::uint64_t word) noexcept {
    sum_ = (sum_ ^ word) * 0x9E3779B97F4A7C15ULL;
    sum_ ^= sum_ >> 29U;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return sum_; }

 private:
  std::uint64_t sum_;
};

static_assert((spill_words & (spill_words - 1)) == 0);
static_assert(spill_units(layout::tap_payload_bytes_max) * spill_unit_words < spill_words / 8);

}  // namespace shmbus::recorder
