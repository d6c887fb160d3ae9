#pragma once
// A floor is a bound, so where two bare forms compete it is the better of both in each respect.

#include "harness/round.hpp"

namespace shmbus::bench {

/// The lower value, and the histogram with the lower 99th percentile. Two latencies of one round
/// each.
[[nodiscard]] inline RoundResult better_of(RoundResult a, RoundResult b) {
  if (a.status != RoundResult::Status::ok) {
    return a;
  }
  if (b.status != RoundResult::Status::ok) {
    return b;
  }
  RoundResult better = a;
  better.value = b.value < a.value ? b.value : a.value;
  if (b.latency && (!a.latency || b.latency->quantile(0.99) < a.latency->quantile(0.99))) {
    better.latency = b.latency;
  }
  better.core_wait_ns = a.core_wait_ns + b.core_wait_ns;
  return better;
}

/// Runs both forms, each for half of the round's time.
template <class RunA, class RunB>
[[nodiscard]] RoundResult run_better_of(const RoundBudget& budget, RunA&& run_a, RunB&& run_b) {
  RoundBudget half = budget;
  half.measure_ns /= 2;
  half.warmup_ns /= 2;
  RoundResult a = run_a(half);
  return better_of(std::move(a), run_b(half));
}

}  // namespace shmbus::bench
