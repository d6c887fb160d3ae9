// Coroutines that wait for replies: async_caller [BUS] NAME...
// One coroutine for each name, all at the same time, in one thread.
#include <string>
#include <vector>

#include "greet.hpp"
#include "report.hpp"

#include <shmbus/async.hpp>

/// Greets, and then greets again, the greeting as the name.
shmbus::Detached greet_twice(shmbus::Reactor& reactor, shmbus::Caller<Greet>& greet,
                             std::string name, std::string& line) {
  for (int i = 0; i < 2; ++i) {
    const Person person{.name = shmbus::String<32>::truncate(name)};
    const auto greeting = co_await reactor.call(greet, person, std::chrono::seconds(2));
    if (!greeting) {
      line = shmbus::to_string(greeting.error().kind);
      co_return;
    }
    name = (*greeting)->view();
  }
  line = name;
}

shmbus::Result<std::vector<std::string>> greet_all(shmbus::Caller<Greet>& greet,
                                                   const std::vector<std::string>& names) {
  auto reactor = shmbus::Reactor::create();
  if (!reactor) return tl::unexpected(reactor.error());
  if (auto watched = reactor->watch(greet); !watched) return tl::unexpected(watched.error());
  std::vector<std::string> lines(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) greet_twice(*reactor, greet, names[i], lines[i]);
  if (auto done = reactor->run(); !done) return tl::unexpected(done.error());  // until nobody waits
  return lines;
}

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  if (auto there = bus->wait_until_available("greet", std::chrono::seconds(5)); !there) {
    return report(there.error());
  }
  auto greet = bus->caller<Greet>();
  if (!greet) return report(greet.error());
  const auto lines = greet_all(*greet, {argv + std::min(argc, 2), argv + argc});
  if (!lines) return report(lines.error());
  for (const auto& line : *lines) std::printf("%s\n", line.c_str());
  return 0;
}
