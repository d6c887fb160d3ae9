// Events: a market feed with a fast reader, a slow one that may miss prices, one that must not miss
// any, and one that comes late and begins with the latest price. feed [BUS]
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "processes.hpp"
#include "report.hpp"
#include "shmbus/shmbus.hpp"

using namespace std::chrono_literals;

struct Tick {
  std::uint64_t number;
  std::int64_t price;
};
using Price = shmbus::Event<"price.changed", Tick>;
using Ready = shmbus::Event<"reader.ready", std::uint64_t>;

namespace {

constexpr std::uint64_t ticks = 20'000;
constexpr int readers = 3;  // that are there from the first tick on

int publish(const std::string& path) {
  auto bus = shmbus::Bus::open(path, {.label = "feed"});
  if (!bus) return report(bus.error());
  auto out = bus->publisher<Price>({.keep = 64});  // for those that come late
  if (!out) return report(out.error());
  auto ready = bus->subscribe<Ready>({.from = shmbus::From::latest});
  if (!ready) return report(ready.error());
  for (int i = 0; i < readers; ++i) {
    if (auto one = ready->next(10s); !one) return report(one.error());
  }
  for (std::uint64_t i = 1; i <= ticks; ++i) {
    auto published = out->publish({i, 10'000 + static_cast<std::int64_t>(i % 100)});
    if (!published) return report(published.error());
  }
  return 0;
}

/// Reads until the last tick; sleeps after each of the first `pauses`.
int subscribe(const std::string& path, const char* who, const shmbus::SubscriberOptions& options,
              int pauses) {
  auto bus = shmbus::Bus::open(path, {.label = who});
  if (!bus) return report(bus.error());
  auto in = bus->subscribe<Price>(options);
  if (!in) return report(in.error());
  auto ready = bus->publisher<Ready>();  // the last event of each publisher stays
  if (!ready) return report(ready.error());
  if (auto said = ready->publish(1); !said) return report(said.error());
  std::uint64_t read = 0;
  for (bool last = false; !last; ++read) {
    auto event = in->next(10s);
    if (!event) return report(event.error());
    const Tick& tick = **event;  // in place: nobody writes to it while `event` lives
    last = tick.number == ticks;
    if (pauses-- > 0) std::this_thread::sleep_for(1ms);
  }
  std::printf("%s: %lu read, %lu missed\n", who, read, in->missed());
  return read + in->missed() == ticks || options.from == shmbus::From::latest ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "feed";
  Process fast([&] { return subscribe(path, "fast", {}, 0); });
  Process slow([&] { return subscribe(path, "slow", {}, 50); });
  Process exact(
      [&] { return subscribe(path, "exact", {.when_slow = shmbus::WhenSlow::hold}, 50); });
  if (const int failed = publish(path); failed != 0) return failed;
  Process late([&] { return subscribe(path, "late", {.from = shmbus::From::latest}, 0); });
  const int failed = fast.wait() + slow.wait() + exact.wait() + late.wait();
  if (failed == 0) std::printf("each reader accounts for %lu prices\n", ticks);
  return failed;
}
