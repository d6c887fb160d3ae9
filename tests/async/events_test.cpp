// co_await on events: as next(), with any number of waits in one thread.
#include "shmbus/async.hpp"
#include "shmbus/event.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

using Number = Event<"number", std::uint64_t>;

struct Read {
  std::uint64_t events = 0;
  std::uint64_t wrong = 0;
  ErrorKind end = ErrorKind::none;
};

Detached read_all(Reactor& reactor, Subscriber<Number>& in, std::uint64_t last, Read& read) {
  while (read.events < last) {
    const auto event = co_await reactor.next(in, 10s);
    if (!event) {
      read.end = event.error().kind;
      co_return;
    }
    if (**event != ++read.events) ++read.wrong;
  }
}

Detached read_once(Reactor& reactor, RawSubscriber& in, Duration timeout, Read& read) {
  const auto event = co_await reactor.next(in, timeout);
  read.end = event ? ErrorKind::none : event.error().kind;
}

int publish_slowly(const std::string& path, std::uint64_t events) {
  auto bus = Bus::open(path);
  auto out = bus ? bus->publisher<Number>() : fail(ErrorKind::bus_unusable, "");
  if (!out) return 1;
  for (std::uint64_t i = 1; i <= events; ++i) {
    if (i % 16 == 0) test::nap(1ms);
    if (!out->publish(i, 10s)) return 2;
  }
  return 0;
}

}  // namespace

TEST_CASE("coroutines of one thread follow events, each of them all", "[async]") {
  constexpr std::uint64_t events = 300;
  for (const bool watched : {true, false}) {
    INFO("watched: " << watched);
    test::TempBus path;
    auto bus = Bus::open(path.path());
    REQUIRE_OK(bus);
    auto one = bus->subscribe<Number>({.when_slow = WhenSlow::hold});
    auto other = bus->subscribe<Number>({.when_slow = WhenSlow::hold});
    REQUIRE_OK(one);
    REQUIRE_OK(other);
    auto reactor = Reactor::create();
    REQUIRE_OK(reactor);
    test::Child publisher([&] { return publish_slowly(path.path(), events); });
    if (watched) {
      REQUIRE_OK(reactor->watch(*one));
      REQUIRE_OK(reactor->watch(*other));
    }
    Read first;
    Read second;
    read_all(*reactor, *one, events, first);
    read_all(*reactor, *other, events, second);
    REQUIRE_OK(reactor->run());
    for (const Read& read : {first, second}) {
      CHECK(read.events == events);
      CHECK(read.wrong == 0);
      CHECK(read.end == ErrorKind::none);
    }
    CHECK(publisher.wait() == 0);
  }
}

TEST_CASE("an awaited event that does not come ends in time; one that is there needs no wait",
          "[async]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  auto in = bus->subscribe("bytes");
  auto out = bus->publisher("bytes");
  REQUIRE_OK(in);
  REQUIRE_OK(out);
  auto reactor = Reactor::create();
  REQUIRE_OK(reactor);
  Read read;
  read_once(*reactor, *in, 20ms, read);
  CHECK_FALSE(reactor->idle());
  REQUIRE_OK(reactor->run());
  CHECK(read.end == ErrorKind::timed_out);
  REQUIRE_OK(out->publish({}));
  read.end = ErrorKind::cancelled;
  read_once(*reactor, *in, 20ms, read);
  CHECK(reactor->idle());
  CHECK(read.end == ErrorKind::none);
}
