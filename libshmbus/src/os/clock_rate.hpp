// How fast the processor's counter runs, measured against the kernel's clock, with a bound of the
// error. A thread may lose the processor at any point, so each reading of the counter stands
// between two readings of the clock: how far these are apart bounds the error, and a window is made
// longer until the bound is small.
#pragma once

#include <cstdint>

namespace shmbus::wait {

/// At some moment between `before_ns` and `after_ns` the counter stood at `ticks`.
struct ClockReading {
  std::uint64_t ticks = 0;
  std::uint64_t before_ns = 0;
  std::uint64_t after_ns = 0;

  [[nodiscard]] std::uint64_t spread_ns() const noexcept { return after_ns - before_ns; }
};

/// The narrowest of a few. `Read`: ClockReading().
template <class Read>
ClockReading narrow_reading(Read& read) noexcept {
  constexpr int attempts = 5;
  ClockReading best = read();
  for (int i = 1; i < attempts; ++i) {
    const ClockReading next = read();
    if (next.spread_ns() < best.spread_ns()) best = next;
  }
  return best;
}

/// Ticks per second; the true rate lies within `error` (a part of 1) of it.
struct MeasuredRate {
  double per_s = 0;
  double error = 1;
};

inline MeasuredRate rate_between(const ClockReading& begin, const ClockReading& end) noexcept {
  if (end.before_ns <= begin.after_ns || end.ticks <= begin.ticks) return {};
  const auto ticks = static_cast<double>(end.ticks - begin.ticks);
  const auto shortest = static_cast<double>(end.before_ns - begin.after_ns);
  const auto longest = static_cast<double>(end.after_ns - begin.before_ns);
  const double middle = (shortest + longest) / 2;
  return {ticks * 1e9 / middle, (longest - shortest) / 2 / shortest};
}

/// Windows that grow from 2 ms until the error is at most `wanted`. One that takes longer than
/// `patience_ns` in all ends with what it has.
template <class Read>
MeasuredRate measure_rate(Read& read, double wanted, std::uint64_t patience_ns) noexcept {
  std::uint64_t window_ns = 2'000'000;
  MeasuredRate best;
  const ClockReading begin = narrow_reading(read);
  for (;;) {
    ClockReading end = read();
    while (end.before_ns - begin.after_ns < window_ns) end = read();
    end = narrow_reading(read);
    const MeasuredRate now = rate_between(begin, end);
    if (now.error < best.error) best = now;
    if (best.error <= wanted || end.after_ns - begin.before_ns > patience_ns) return best;
    window_ns *= 2;
  }
}

/// Whether a rate that was measured elsewhere can be right.
inline bool agrees(const MeasuredRate& measured, double rate) noexcept {
  // Above what NTP may bend the clock by (0.05 %), far below what makes a time limit useless.
  constexpr double tolerated = 0.01;
  const double off = measured.per_s > rate ? measured.per_s - rate : rate - measured.per_s;
  return off <= measured.per_s * (tolerated + measured.error);
}

}  // namespace shmbus::wait
