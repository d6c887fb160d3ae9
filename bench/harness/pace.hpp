#pragma once
// What the rows have in common that wake up at fixed intervals and count the processor's time.

#include <cerrno>
#include <ctime>

namespace shmbus::bench {

inline constexpr double kPaceIntervalNs = 0.8e6;
inline constexpr double kPaceMeasureNs = 250e6;

inline double clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

inline void sleep_until(double at_ns) {
  timespec at{};
  at.tv_sec = static_cast<std::time_t>(at_ns / 1e9);
  at.tv_nsec = static_cast<long>(at_ns - static_cast<double>(at.tv_sec) * 1e9);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

}  // namespace shmbus::bench
