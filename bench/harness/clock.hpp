#pragma once
// The clock of the benchmarks: the cycle counter where it is usable, because clock_gettime costs
// as much as a quarter of the round trip we measure. Every process reads its own counter and only
// ever subtracts two readings of its own, so the counters need not agree between cores.

#include <cstdint>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#else
#include <ctime>
#endif

namespace shmbus::bench {

using Ticks = std::uint64_t;

[[nodiscard]] inline Ticks now_ticks() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __rdtsc();
#elif defined(__aarch64__)
  Ticks value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Ticks>(now.tv_sec) * 1'000'000'000U + static_cast<Ticks>(now.tv_nsec);
#endif
}

/// Measures the counter against CLOCK_MONOTONIC for 20 ms. Call once, before any process is forked:
/// children inherit the result.
void calibrate_clock();

[[nodiscard]] double nanoseconds_per_tick() noexcept;

/// Of a whole number of ticks, or of a mean of some.
template <class Number>
[[nodiscard]] double ticks_to_ns(Number ticks) noexcept {
  return static_cast<double>(ticks) * nanoseconds_per_tick();
}
[[nodiscard]] inline Ticks ns_to_ticks(double ns) noexcept {
  return static_cast<Ticks>(ns / nanoseconds_per_tick());
}

/// One step of a spin loop.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Handler work of a known length.
inline void burn(Ticks duration) noexcept {
  const Ticks start = now_ticks();
  while (now_ticks() - start < duration) {
  }
}

}  // namespace shmbus::bench
