// Which commands are timed: one of thirty-two on average, at distances that vary. A fixed distance
// would fall in step with a caller that does the same few things over and over, and then never see
// some of them.
#pragma once

#include <cstdint>

namespace shmbus::stats {

class Sampler {
 public:
  static constexpr std::uint32_t mean_distance = 32;

  explicit Sampler(bool all = false) noexcept : left_(all ? 1 : mean_distance), all_(all) {}

  /// Whether to time this one. One decrement, but for those that are.
  [[nodiscard]] bool due() noexcept {
#if defined(SHMBUS_NO_COUNTERS)
    return false;
#endif
    if (--left_ != 0) [[likely]]
      return false;
    left_ = draw();
    return true;
  }
  /// Counts one that is not to be timed. False, and not counted, when it is.
  [[nodiscard]] bool pass() noexcept {
#if defined(SHMBUS_NO_COUNTERS)
    return true;
#endif
    if (left_ == 1) [[unlikely]]
      return false;
    --left_;
    return true;
  }
  /// How many may be passed over before one is to be timed.
  [[nodiscard]] std::uint32_t untimed() const noexcept {
#if defined(SHMBUS_NO_COUNTERS)
    return ~0U;
#endif
    return left_ - 1;
  }
  /// REQUIRES: at most untimed().
  void pass(std::uint32_t count) noexcept {
#if !defined(SHMBUS_NO_COUNTERS)
    left_ -= count;
#endif
  }
  /// Time the next one, whatever the distance: it came after a pause, so there is time for it.
  void next_is_due() noexcept { left_ = 1; }

 private:
  /// 1 to 63, evenly (xorshift by George Marsaglia).
  std::uint32_t draw() noexcept {
    if (all_) return 1;
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 17U;
    state_ ^= state_ << 5U;
    return 1 + state_ % (2 * mean_distance - 1);
  }
  std::uint32_t left_;
  std::uint32_t state_ = 0x9E3779B9U;
  bool all_;
};

}  // namespace shmbus::stats
