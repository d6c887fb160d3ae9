// Which commands are timed: one of thirty-two on average, at distances that vary. A fixed distance
// would fall in step with a caller that does the same few things over and over, and then never see
// some of them.
#pragma once

#include <cstdint>

namespace shmbus::stats {

class Sampler {
 public:
  static constexpr std::uint32_t mean_distance = 32;

  /// Whether to time this one. One decrement, but for those that are.
  [[nodiscard]] bool due() noexcept {
    if (--left_ != 0) [[likely]]
      return false;
    left_ = draw();
    return true;
  }
  /// Time the next one, whatever the distance: it came after a pause, so there is time for it.
  void next_is_due() noexcept { left_ = 1; }

 private:
  /// 1 to 63, evenly (xorshift by George Marsaglia).
  std::uint32_t draw() noexcept {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 17U;
    state_ ^= state_ << 5U;
    return 1 + state_ % (2 * mean_distance - 1);
  }
  std::uint32_t left_ = mean_distance;
  std::uint32_t state_ = 0x9E3779B9U;
};

}  // namespace shmbus::stats
