// What the flight recorder costs the process that writes to it: one event, the look whether
// somebody taps, and a request that is kept for a tap.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "recorder/recorder.hpp"
#include "session/core.hpp"

namespace {

using namespace shmbus;

/// A bus of the run's own.
const Attachment& bus() {
  static const auto core = [] {
    const std::string path = "/dev/shm/shmbus-microbench." + std::to_string(::getpid());
    auto opened = detail::BusCore::open(path, {{}, false});
    ::unlink(path.c_str());
    return opened ? *opened : nullptr;
  }();
  return core->attachment();
}

void recorder_event(benchmark::State& state) {
  const auto& attachment = bus();
  recorder::Event event;
  event.kind = recorder::Kind::served;
  for (auto _ : state) {
    ++event.detail;
    recorder::record(attachment.view, attachment.me.index(), event);
  }
}
BENCHMARK(recorder_event);

void recorder_look_for_taps(benchmark::State& state) {
  const auto& attachment = bus();
  std::uint64_t now = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(recorder::tap_wish(attachment, ++now).events);
  }
}
BENCHMARK(recorder_look_for_taps);

void recorder_keep_4_kib(benchmark::State& state) {
  const auto& attachment = bus();
  const std::array<std::byte, 4096> request{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(recorder::spill(attachment.view, request));
  }
}
BENCHMARK(recorder_keep_4_kib);

}  // namespace
