// What single instructions cost, in Google Benchmark's terms.

#include <benchmark/benchmark.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "harness/clock.hpp"

namespace {

void clock_reading(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(shmbus::bench::now_ticks());
  }
}
BENCHMARK(clock_reading);

void store_release(benchmark::State& state) {
  alignas(128) std::atomic<std::uint64_t> word{0};
  for (auto _ : state) {
    word.store(1, std::memory_order_release);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(store_release);

void exchange_owned_line(benchmark::State& state) {
  alignas(128) std::atomic<std::uint64_t> word{0};
  for (auto _ : state) {
    benchmark::DoNotOptimize(word.exchange(1, std::memory_order_seq_cst));
  }
}
BENCHMARK(exchange_owned_line);

void compare_exchange_owned_line(benchmark::State& state) {
  alignas(128) std::atomic<std::uint64_t> word{0};
  std::uint64_t expected = 0;
  for (auto _ : state) {
    bool swapped = word.compare_exchange_strong(expected, expected + 1, std::memory_order_acq_rel,
                                                std::memory_order_relaxed);
    benchmark::DoNotOptimize(swapped);
    ++expected;
  }
}
BENCHMARK(compare_exchange_owned_line);

void system_call(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(syscall(SYS_getppid));
  }
}
BENCHMARK(system_call);

void spin_pause(benchmark::State& state) {
  for (auto _ : state) {
    shmbus::bench::spin_pause();
  }
}
BENCHMARK(spin_pause);

}  // namespace
