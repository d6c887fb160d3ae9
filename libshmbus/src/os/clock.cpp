#include "os/clock.hpp"

#include <ctime>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace shmbus::wait {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

bool counter_never_stops() noexcept {
#if defined(__x86_64__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  // CPUID 0x80000007, EDX bit 8: the TSC runs at one rate in every power state.
  return __get_cpuid(0x80000007U, &a, &b, &c, &d) != 0 && (d & (1U << 8U)) != 0;
#else
  return true;
#endif
}

std::uint64_t measure_rate() noexcept {
#if defined(__aarch64__)
  std::uint64_t rate = 0;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(rate));
  return rate;
#elif defined(__x86_64__)
  if (!detail::counter_is_usable) return second_ns;
  // 2 ms against the monotonic clock: good to a few parts in 100,000, far below any timeout.
  constexpr std::uint64_t window_ns = 2'000'000;
  const std::uint64_t start_ns = monotonic_ns();
  const std::uint64_t start = ticks();
  std::uint64_t now_ns = start_ns;
  while (now_ns - start_ns < window_ns) now_ns = monotonic_ns();
  return (ticks() - start) * second_ns / (now_ns - start_ns);
#else
  return second_ns;
#endif
}

}  // namespace

namespace detail {
const bool counter_is_usable = counter_never_stops();
}

std::uint64_t monotonic_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * second_ns +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t ticks_per_second() noexcept {
  static const std::uint64_t rate = measure_rate();
  return rate;
}

}  // namespace shmbus::wait
