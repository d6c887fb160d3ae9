// What a command costs when nothing crosses between cores: caller and server in one thread, which
// sends a few commands, then runs them. The instructions of both sides, with every line at hand.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>

#include "bus/private_bus.hpp"

namespace {

using namespace shmbus;
using Clock = std::chrono::steady_clock;

constexpr std::size_t batch = 32;

/// Both sides of a bus, and the time that each has taken.
class OneThread {
 public:
  OneThread()
      : bus_(place_.open()),
        server_(bench::value_of("serve", bus_.serve({.wait = WaitMode::spinning}))) {
    bench::value_of("on", server_.on("sink", [this](Context& context) {
      sum_ += context.request().size();
      return Status::ok();
    }));
    caller_ = bench::value_of("caller", bus_.caller("sink"));
  }
  void send(std::span<const std::byte> request) {
    for (std::size_t i = 0; i < batch; ++i) {
      bench::value_of("send", caller_.send(request));
    }
  }
  void run() {
    for (std::size_t ran = 0; ran < batch;) {
      ran += bench::value_of("poll", server_.poll(batch - ran));
    }
    benchmark::DoNotOptimize(sum_);
  }

 private:
  bench::PrivateBus place_;
  Bus bus_;
  Server server_;
  RawCaller caller_;
  std::size_t sum_ = 0;
};

/// One side is timed, the other does its part meanwhile. `command` is the time of one of the batch.
void one_way(benchmark::State& state, bool time_sender) {
  OneThread pair;
  std::array<std::byte, 256> request{};
  const auto bytes = std::span(request).first(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    const auto begin = Clock::now();
    pair.send(bytes);
    const auto sent = Clock::now();
    pair.run();
    const auto end = Clock::now();
    const std::chrono::duration<double> took = time_sender ? sent - begin : end - sent;
    state.SetIterationTime(took.count());
  }
  state.counters["command"] = benchmark::Counter(
      batch, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
void one_way_send(benchmark::State& state) { one_way(state, true); }
void one_way_run(benchmark::State& state) { one_way(state, false); }

BENCHMARK(one_way_send)->Arg(32)->Arg(64)->Arg(256)->UseManualTime();
BENCHMARK(one_way_run)->Arg(32)->Arg(64)->Arg(256)->UseManualTime();

}  // namespace
