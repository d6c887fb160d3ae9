#include "harness/clock.hpp"

#include <ctime>

namespace shmbus::bench {
namespace {

double g_nanoseconds_per_tick = 1.0;

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

void calibrate_clock() {
  constexpr std::int64_t kWindowNs = 20'000'000;
  const std::int64_t start_ns = monotonic_ns();
  const Ticks start = now_ticks();
  std::int64_t end_ns = start_ns;
  while (end_ns - start_ns < kWindowNs) {
    end_ns = monotonic_ns();
  }
  const Ticks end = now_ticks();
  g_nanoseconds_per_tick =
      static_cast<double>(end_ns - start_ns) / static_cast<double>(end - start);
}

double nanoseconds_per_tick() noexcept { return g_nanoseconds_per_tick; }

}  // namespace shmbus::bench
