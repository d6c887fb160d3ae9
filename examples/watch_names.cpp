// Names that come and go: watch_names [BUS]
//
// A thread serves a name for a while; the main thread is told, without asking for it in a loop.
#include <cstdio>
#include <thread>

#include "report.hpp"

namespace {

using namespace std::chrono_literals;

void serve_for_a_while(shmbus::Bus bus) {
  std::this_thread::sleep_for(20ms);
  auto server = bus.serve();
  if (!server) return;
  (void)server->on("clock", [](shmbus::Context&) { return shmbus::Status::ok(); });
  (void)server->run_for(200ms);
}

}  // namespace

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  auto watch = bus->watch({"clock"});  // or watch(): all names
  if (!watch) return report(watch.error());
  const std::jthread server(serve_for_a_while, *bus);
  int changes = 0;
  const auto tell = [&changes](const shmbus::NameChange& change) {
    std::printf("%s%s", changes++ == 0 ? "clock: " : ", ", change.available ? "there" : "gone");
  };
  while (changes < 3) {
    if (auto told = watch->poll(tell); !told) return report(told.error());
    // Or in an event loop: watch->fd() becomes readable, then poll().
    if (changes < 3 && !watch->wait(10s).value_or(false)) return 1;
  }
  std::printf("\n");
}
