// Several servers behind one name: group [BUS]
//
// Two servers share a name; one leaves while calls are under way, and no call is lost. In a program
// of your own each stands in a process of its own.
#include <atomic>
#include <cstdio>
#include <thread>

#include "report.hpp"

namespace {

using Square = shmbus::Command<"square", std::uint64_t, std::uint64_t>;

shmbus::Result<void> join(shmbus::Server& server) {
  return server.on<Square>([](std::uint64_t number) { return number * number; },
                           {.sharing = shmbus::Sharing::group});
}

void serve(shmbus::Bus bus, const std::stop_token& stop, std::atomic<int>& ready) {
  auto server = bus.serve();
  if (!server || !join(*server)) return;
  ++ready;
  (void)server->run(stop);
}

}  // namespace

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  std::atomic<int> ready{0};
  std::jthread first([&](const std::stop_token& stop) { serve(*bus, stop, ready); });
  std::jthread second([&](const std::stop_token& stop) { serve(*bus, stop, ready); });
  while (ready < 2) std::this_thread::yield();
  auto square = bus->caller<Square>();
  if (!square) return report(square.error());
  std::uint64_t sum = 0;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    if (i == 500) first.request_stop();  // it leaves; the other goes on
    const auto reply = square->call(i);
    if (!reply) return report(reply.error());
    sum += *reply;
  }
  std::printf("1000 answers, sum of squares %llu\n", static_cast<unsigned long long>(sum));
}
