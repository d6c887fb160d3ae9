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

ClockReading read_clocks() noexcept {
  ClockReading reading;
  reading.before_ns = monotonic_ns();
  reading.ticks = ticks();
  reading.after_ns = monotonic_ns();
  return reading;
}

constexpr double wanted_error = 100e-6;
constexpr std::uint64_t patience_ns = 1'000'000'000;

std::uint64_t rate_of_this_machine() noexcept {
#if defined(__aarch64__)
  std::uint64_t rate = 0;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(rate));
  return rate;
#else
  if (!detail::counter_is_usable) return second_ns;
  auto read = [] { return read_clocks(); };
  return static_cast<std::uint64_t>(measure_rate(read, wanted_error, patience_ns).per_s + 0.5);
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
  static const std::uint64_t rate = rate_of_this_machine();
  return rate;
}

RateCheck::RateCheck() noexcept {
  auto read = [] { return read_clocks(); };
  begin_ = narrow_reading(read);
}

bool RateCheck::agrees_with(std::uint64_t ticks_per_s) const noexcept {
  auto read = [] { return read_clocks(); };
  const auto rate = static_cast<double>(ticks_per_s);
  const MeasuredRate quick = rate_between(begin_, narrow_reading(read));
  if (quick.error < 1 && agrees(quick, rate)) return true;
  return agrees(measure_rate(read, wanted_error, patience_ns), rate);
}

}  // namespace shmbus::wait
