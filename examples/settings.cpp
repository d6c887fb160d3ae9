// A configuration value that ten processes watch: the process that comes has the last value at
// once, also when the process that set it has ended. settings [BUS]
#include <unistd.h>

#include <cstdio>
#include <list>

#include "processes.hpp"
#include "report.hpp"
#include "shmbus/shmbus.hpp"

using namespace std::chrono_literals;

struct Settings {
  std::uint32_t version;
  std::uint32_t log_level;
};
using Changed = shmbus::Event<"settings.changed", Settings>;

namespace {

constexpr int watchers = 10;
constexpr std::uint32_t last_version = 3;

/// Sets one version, and ends.
int set(const std::string& path, std::uint32_t version) {
  auto bus = shmbus::Bus::open(path, {.label = "operator"});
  if (!bus) return report(bus.error());
  auto out = bus->publisher<Changed>();  // goes on where the one before has ended
  if (!out) return report(out.error());
  auto published = out->publish({version, version * 10});
  return published ? 0 : report(published.error());
}

/// Applies each version that comes, up to the last. Only the newest matters: it may skip others.
int watch(const std::string& path) {
  auto bus = shmbus::Bus::open(path, {.label = "watcher"});
  if (!bus) return report(bus.error());
  auto in = bus->subscribe<Changed>({.from = shmbus::From::latest});
  if (!in) return report(in.error());
  Settings now{};
  while (now.version < last_version) {
    auto event = in->next(10s);
    if (!event) return report(event.error());
    now = **event;
  }
  return now.log_level == last_version * 10 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "settings";
  const auto as_operator = [&](std::uint32_t version) {
    return Process([&] { return set(path, version); }).wait();
  };
  if (as_operator(1) != 0) return 1;
  std::list<Process> all;
  for (int i = 0; i < watchers / 2; ++i) all.emplace_back([&] { return watch(path); });
  for (std::uint32_t version = 2; version <= last_version; ++version) {
    if (as_operator(version) != 0) return 1;
  }
  for (int i = 0; i < watchers / 2; ++i) all.emplace_back([&] { return watch(path); });  // late
  int failed = 0;
  for (auto& one : all) failed += one.wait();
  if (failed == 0) std::printf("%d processes have version %u\n", watchers, last_version);
  return failed;
}
