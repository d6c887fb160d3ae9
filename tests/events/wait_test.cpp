// Subscribers that wait, in every mode, for publishers in other processes; and publishers that wait
// for subscribers that hold.
#include <poll.h>

#include "events/support.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Price;
using test::tick;

namespace {

/// Publishes `count` ticks, one every `pause`.
test::Child publishes(const std::string& path, std::uint64_t count, Duration pause = 0ns) {
  return test::Child([=] {
    auto bus = Bus::open(path, {.label = "publisher"});
    if (!bus) return 10;
    auto out = bus->publisher<Price>();
    if (!out) return 11;
    for (std::uint64_t i = 1; i <= count; ++i) {
      if (pause != 0ns) test::nap(std::chrono::duration_cast<std::chrono::microseconds>(pause));
      if (!out->publish(tick(i), 20s)) return 12;
    }
    return 0;
  });
}

}  // namespace

TEST_CASE("subscribers wait in every mode", "[events]") {
  for (const auto mode : {WaitMode::adaptive, WaitMode::spinning, WaitMode::blocking}) {
    test::TempBus path;
    auto bus = test::open_bus(path.path());
    auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold, .wait = mode});
    auto child = publishes(path.path(), 300, 300us);
    for (std::uint64_t i = 1; i <= 300; ++i) {
      const auto event = in.next(10s);
      REQUIRE_OK(event);
      REQUIRE((*event)->number == i);
      REQUIRE(test::whole(**event));
    }
    CHECK(child.wait() == 0);
  }
}

TEST_CASE("a timeout is kept", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto in = test::subscriber_of(bus);
  const test::Stopwatch watch;
  CHECK(test::kind(in.next(20ms)) == ErrorKind::timed_out);
  CHECK(watch.ms() >= 19);
  CHECK(watch.ms() < 2'000);
}

TEST_CASE("a descriptor tells that events are there", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold});
  const auto fd = in.fd();
  REQUIRE_OK(fd);
  const auto readable = [&](int ms) {
    pollfd one{*fd, POLLIN, 0};
    return ::poll(&one, 1, ms) == 1;
  };
  CHECK(test::eventually([&] { return in.poll() && !readable(5); }));
  auto child = publishes(path.path(), 500, 100us);
  std::uint64_t seen = 0;
  while (seen < 500) {
    REQUIRE(readable(10'000));
    REQUIRE_OK(in.poll());
    while (auto event = in.next(0ns)) REQUIRE((*event)->number == ++seen);
  }
  CHECK(child.wait() == 0);
  CHECK_OK(in.poll());
  CHECK_FALSE(readable(20));
}

TEST_CASE("a publisher waits for one that holds, while it lives", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus);
  test::Shared<std::atomic<int>> ready;
  test::Child slow([&] {
    auto own = Bus::open(path.path(), {.label = "slow"});
    if (!own) return 10;
    auto in = own->subscribe<Price>({.when_slow = WhenSlow::hold});
    if (!in) return 11;
    *ready = 1;
    for (;;) test::nap(10ms);
  });
  REQUIRE(test::eventually([&] { return *ready == 1; }));
  std::uint64_t i = 0;
  Result<std::uint64_t> result;
  while ((result = out.publish(tick(++i), 2ms))) {
  }
  CHECK(test::kind(result) == ErrorKind::overloaded);
  CHECK(test::describe(result).find("slow, pid " + std::to_string(slow.pid())) !=
        std::string::npos);
  std::thread killer([&] {
    test::nap(50ms);
    slow.kill();
  });
  const test::Stopwatch watch;
  CHECK_OK(out.publish(tick(i), 20s));
  CHECK(watch.ms() < 1'000);
  killer.join();
}

TEST_CASE("one that holds and many processes: nothing is lost", "[events]") {
  test::TempBus path;
  constexpr std::uint64_t count = 100'000;
  test::Shared<std::atomic<int>> ready;
  std::vector<test::Child> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      auto bus = Bus::open(path.path(), {.label = "reader"});
      if (!bus) return 10;
      auto in = bus->subscribe<Price>({.when_slow = i == 0 ? WhenSlow::skip : WhenSlow::hold});
      if (!in) return 11;
      ready->fetch_add(1);
      std::uint64_t last[2] = {};
      for (;;) {
        auto event = in->next(20s);
        if (!event) return 12;
        if (!test::whole(**event)) return 13;
        const auto of = (*event)->number % 2;
        const auto number = (*event)->number / 2;
        if (number <= last[of] || (i != 0 && number != last[of] + 1)) return 14;
        last[of] = number;
        if (last[0] == count && last[1] == count) return i != 0 && in->missed() != 0 ? 15 : 0;
      }
    });
  }
  REQUIRE(test::eventually([&] { return *ready == 3; }));
  std::vector<test::Child> writers;
  for (std::uint64_t of = 0; of < 2; ++of) {
    writers.emplace_back([&, of] {
      auto bus = Bus::open(path.path(), {.label = "writer"});
      if (!bus) return 10;
      auto out = bus->publisher<Price>();
      if (!out) return 11;
      for (std::uint64_t i = 1; i <= count; ++i) {
        if (!out->publish(tick(2 * i + of), 20s)) return 12;
      }
      return 0;
    });
  }
  for (auto& one : writers) CHECK(one.wait() == 0);
  for (auto& one : readers) CHECK(one.wait() == 0);
}
