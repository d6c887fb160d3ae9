// Handlers on threads of their own: workers [BUS]
//
// Four callers ask for something slow at the same time, and none of them waits for another.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "report.hpp"

using namespace std::chrono_literals;

namespace {

using Shrink = shmbus::Command<"image.shrink", std::uint32_t, std::uint32_t>;
using Rate = shmbus::Command<"rate.of", std::uint32_t, std::uint32_t>;

std::uint32_t shrink(std::uint32_t pixels) {
  std::this_thread::sleep_for(50ms);
  return pixels / 2;
}

shmbus::Result<void> add_handlers(shmbus::Server& server) {
  auto added = server.on<Shrink>(shrink);  // one at a time for each caller
  if (!added) return added;
  return server.on<Rate>([](std::uint32_t currency) { return currency * 2; },
                         {.parallel = shmbus::Parallel::yes});
}

void serve(shmbus::Bus bus, const std::stop_token& stop, std::atomic<bool>& ready) {
  auto server = bus.serve({.workers = 4});
  if (!server || !add_handlers(*server)) return;
  ready = true;
  (void)server->run(stop);
}

}  // namespace

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  std::atomic<bool> ready{false};
  const std::jthread server([&](const std::stop_token& stop) { serve(*bus, stop, ready); });
  while (!ready) std::this_thread::yield();
  std::atomic<std::uint32_t> sum{0};
  std::vector<std::jthread> callers;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint32_t i = 0; i < 4; ++i) {
    callers.emplace_back([&bus, &sum, i] {
      auto caller = bus->caller<Shrink>();
      if (!caller) return;
      const auto pixels = caller->call(1000 + 2 * i);
      if (pixels) sum += *pixels;
    });
  }
  callers.clear();  // waits for them
  const auto took = std::chrono::steady_clock::now() - began;
  std::fprintf(stderr, "%s\n", took < 150ms ? "at the same time" : "one after the other");
  std::printf("4 answers, sum %u\n", sum.load());
}
