// How long to spin before sleeping. A wait that usually ends soon is worth spinning for; one that
// does not only takes the core from whoever would end it. The budget follows what was observed.
#pragma once

#include <cstdint>

#include "shmbus/options.hpp"

namespace shmbus::wait {

inline void cpu_relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

/// The longest adaptive spin. A sleep and a wake-up cost about this much on a virtual machine.
inline constexpr std::uint64_t spin_max_ns = 50'000;

/// Processors this process may run on. With one, spinning can only delay the peer.
unsigned usable_cpus() noexcept;

class SpinBudget {
 public:
  SpinBudget() noexcept = default;
  SpinBudget(WaitMode mode, std::uint64_t max_ticks) noexcept
      : mode_(mode), max_ticks_(max_ticks), budget_(max_ticks) {
    if (mode == WaitMode::blocking || usable_cpus() == 1) budget_ = max_ticks_ = 0;
    if (mode == WaitMode::spinning) budget_ = ~0ULL;
  }

  /// Ticks to spin before the next sleep.
  [[nodiscard]] std::uint64_t ticks() const noexcept { return budget_; }
  [[nodiscard]] bool never_sleeps() const noexcept { return mode_ == WaitMode::spinning; }

  /// The wait ended while spinning: afford it again.
  void spun_well() noexcept {
    if (mode_ == WaitMode::adaptive && budget_ < max_ticks_) budget_ = max_ticks_;
  }
  /// It did not: spin for half as long next time, but never give up looking.
  void had_to_sleep() noexcept {
    if (mode_ == WaitMode::adaptive && budget_ > max_ticks_ / 64) budget_ /= 2;
  }
  /// A wait that slept turned out short enough to have been spun through.
  void slept_for(std::uint64_t waited_ticks) noexcept {
    if (mode_ == WaitMode::adaptive && waited_ticks < max_ticks_) budget_ = max_ticks_;
  }

 private:
  WaitMode mode_ = WaitMode::adaptive;
  std::uint64_t max_ticks_ = 0;
  std::uint64_t budget_ = 0;
};

}  // namespace shmbus::wait
