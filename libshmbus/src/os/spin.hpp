// How long to spin before sleeping. A wait that usually ends soon is worth spinning for; one that
// does not only takes the core from the process that would end it. The budget follows what was
// observed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/scheduled.hpp"
#include "shmbus/options.hpp"

namespace shmbus::wait {

inline void cpu_relax() noexcept {
#if defined(SHMBUS_SCHEDULED)
  scheduled::relax();
#elif defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

/// The longest adaptive spin. A sleep and a wake-up cost about this much on a virtual machine.
inline constexpr std::uint64_t spin_max_ns = 50'000;

/// Processors of the machine. With one, spinning can only delay the peer. Not the affinity mask: a
/// process that is pinned to one core has its peer on another.
unsigned usable_cpus() noexcept;

class SpinBudget {
 public:
  SpinBudget() noexcept = default;
  SpinBudget(WaitMode mode, std::uint64_t max_ticks) noexcept
      : mode_(mode), max_ticks_(max_ticks), budget_(max_ticks) {
    if (mode == WaitMode::blocking || usable_cpus() == 1) budget_ = max_ticks_ = 0;
    if (mode == WaitMode::spinning) budget_ = ~0ULL;
  }

  /// A wait begins: ticks to spin before sleeping. Now and then longer than the budget, long enough
  /// to outlast the peer's own waking up: two peers that both gave up spinning would otherwise
  /// sleep through every call for ever, each finding the other slow. Less often when that was in
  /// vain, since who is slow for long is likely to stay so.
  [[nodiscard]] std::uint64_t begin() noexcept {
    if (mode_ != WaitMode::adaptive || budget_ == max_ticks_) return budget_;
    if (++waits_ < waits_to_trial_) return budget_;
    waits_ = 0;
    waits_to_trial_ = std::min(2 * waits_to_trial_, most_waits_to_trial);
    return 2 * max_ticks_;
  }
  /// The wait ended while spinning: afford it again.
  void spun_well() noexcept {
    if (mode_ != WaitMode::adaptive) return;
    budget_ = max_ticks_;
    waits_to_trial_ = least_waits_to_trial;
  }
  /// It did not: spin for half as long next time, but never give up looking.
  void had_to_sleep() noexcept {
    if (mode_ == WaitMode::adaptive && budget_ > max_ticks_ / least_share) budget_ /= 2;
  }

 private:
  static constexpr std::uint64_t least_share = 64;
  static constexpr std::uint32_t least_waits_to_trial = 16;
  static constexpr std::uint32_t most_waits_to_trial = 128;

  WaitMode mode_ = WaitMode::adaptive;
  std::uint32_t waits_ = 0;  ///< since the last trial
  std::uint32_t waits_to_trial_ = least_waits_to_trial;
  std::uint64_t max_ticks_ = 0;
  std::uint64_t budget_ = 0;
};

}  // namespace shmbus::wait
