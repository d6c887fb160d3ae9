// Time. Ticks are the processor's own counter where it is constant and never stops (x86-64 TSC,
// ARM64 CNTVCT): cheap to read, the same in every process, untouched by clock steps and time
// namespaces. Elsewhere ticks are CLOCK_MONOTONIC nanoseconds.
#pragma once

#include <cstdint>

#include "base/scheduled.hpp"
#include "os/clock_rate.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace shmbus::wait {

std::uint64_t monotonic_ns() noexcept;

/// Ticks per second of the counter; 1e9 exactly where the monotonic clock has to serve.
std::uint64_t ticks_per_second() noexcept;

/// Whether a rate that another process measured, perhaps on another machine, can be right. Made
/// some microseconds before it is asked; it measures for milliseconds only when there is a doubt.
class RateCheck {
 public:
  RateCheck() noexcept;
  [[nodiscard]] bool agrees_with(std::uint64_t ticks_per_s) const noexcept;

 private:
  ClockReading begin_;
};

namespace detail {
extern const bool counter_is_usable;
}

inline std::uint64_t ticks() noexcept {
#if defined(SHMBUS_SCHEDULED)
  return scheduled::ticks();
#elif defined(__x86_64__)
  if (detail::counter_is_usable) return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t value = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#endif
  return monotonic_ns();
}

/// Converts with the rate a segment was created with, so that all its participants agree.
class TickRate {
 public:
  TickRate() noexcept = default;
  explicit TickRate(std::uint64_t ticks_per_s) noexcept
      : per_s_(ticks_per_s), ns_per_tick_(1e9 / static_cast<double>(ticks_per_s)) {}

  [[nodiscard]] std::uint64_t to_ns(std::uint64_t ticks) const noexcept {
    return static_cast<std::uint64_t>(static_cast<double>(ticks) * ns_per_tick_);
  }
  [[nodiscard]] std::uint64_t from_ns(std::uint64_t ns) const noexcept {
    return static_cast<std::uint64_t>(static_cast<double>(ns) / ns_per_tick_);
  }
  [[nodiscard]] std::uint64_t per_second() const noexcept { return per_s_; }

 private:
  std::uint64_t per_s_ = 1'000'000'000;
  double ns_per_tick_ = 1.0;
};

}  // namespace shmbus::wait
