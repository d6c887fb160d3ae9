// Doing nothing costs nothing, and being stopped is not being dead.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

Status echo(Context& c) { return test::answer(c, c.request()); }

/// What a process has used so far, or in a while.
struct Used {
  std::int64_t cpu_us = 0;
  std::int64_t wakes = 0;  ///< how often a thread of it slept
};

Used used_so_far() {
  rusage all{};
  ::getrusage(RUSAGE_SELF, &all);
  return {test::cpu_time().count(), all.ru_nvcsw};
}

struct Usage {
  Used before;
  Used after;
  std::atomic<int> phase{0};
};

/// Notes what its process has used at each change of phase, on a thread that does nothing else.
void watch_self(Usage& usage) {
  std::thread([&] {
    while (usage.phase == 0) test::nap(5ms);
    usage.before = used_so_far();
    while (usage.phase == 1) test::nap(200ms);
    usage.after = used_so_far();
    usage.phase = 3;
  }).detach();
}

/// In 2 s.
Used used(Usage& usage) {
  usage.phase = 1;
  test::nap(2s);
  usage.phase = 2;
  (void)test::eventually([&] { return usage.phase == 3; });
  return {usage.after.cpu_us - usage.before.cpu_us, usage.after.wakes - usage.before.wakes};
}

/// A process that only sleeps, as often as a caller looks whether its handler lives.
int sleep_in_slices(Usage& usage) {
  watch_self(usage);
  for (;;) test::nap(10ms);
}

/// One per cent of a processor; or, on a virtual machine where waking up alone takes so much, a few
/// times what a process used meanwhile that did nothing else.
std::int64_t hardly_any_us(const Used& sleeper) {
  return std::max<std::int64_t>(20'000, 4 * sleeper.cpu_us);
}

}  // namespace

TEST_CASE("a parked server and a parked caller use no processor", "[quiet]") {
  test::TempBus path;
  test::Shared<Usage> server_usage;
  test::Shared<Usage> caller_usage;
  test::Shared<Usage> sleeper_usage;
  const auto handler = test::handler_process(path.path(), [&](Bus&, Server& server) {
    watch_self(*server_usage);
    static Responder never;
    return server.on("echo", echo) &&
           server.on("never", [](Context& c) { return never = c.defer(), Status::ok(); });
  });
  auto bus = test::open_when_served(path.path(), "never");
  test::Child waiter([&] {
    watch_self(*caller_usage);
    auto own = Bus::open(path.path());
    auto caller = own->caller("never");
    (void)caller->call({}, {}, forever);
    return 0;
  });
  const test::Child sleeper([&] { return sleep_in_slices(*sleeper_usage); });
  auto caller = test::caller_of(bus, "echo");
  for (int i = 0; i < 1000; ++i) REQUIRE_OK(caller.call({}, {}));
  test::nap(300ms);
  Used of_caller;
  Used of_sleeper;
  std::thread second([&] { of_caller = used(*caller_usage); });
  std::thread third([&] { of_sleeper = used(*sleeper_usage); });
  const Used of_server = used(*server_usage);
  second.join();
  third.join();
  CHECK(of_server.cpu_us < 20'000);
  CHECK(of_server.wakes < 40);
  CHECK(of_caller.cpu_us < hardly_any_us(of_sleeper));
  CHECK(of_caller.wakes < 250);  // every 10 ms, and this test's own
  WARN("2 s of doing nothing: server " << of_server.cpu_us << " us, caller " << of_caller.cpu_us
                                       << " us, a bare sleeper " << of_sleeper.cpu_us << " us");
}

TEST_CASE("a server without a name, and a wait for a name, use no processor", "[quiet]") {
  test::TempBus path;
  test::Shared<Usage> server_usage;
  test::Shared<Usage> waiter_usage;
  test::Shared<Usage> sleeper_usage;
  const test::Child nameless([&] {
    watch_self(*server_usage);
    auto bus = Bus::open(path.path());
    auto server = bus->serve();
    return server->run_for(1min) ? 0 : 1;
  });
  const test::Child waiting([&] {
    watch_self(*waiter_usage);
    auto bus = Bus::open(path.path());
    return bus->wait_until_available("nobody", 1min) ? 0 : 1;
  });
  test::nap(100ms);
  const test::Child sleeper([&] { return sleep_in_slices(*sleeper_usage); });
  Used of_waiter;
  Used of_sleeper;
  std::thread second([&] { of_waiter = used(*waiter_usage); });
  std::thread third([&] { of_sleeper = used(*sleeper_usage); });
  const Used of_server = used(*server_usage);
  second.join();
  third.join();
  CHECK(of_server.cpu_us < 20'000);
  CHECK(of_waiter.cpu_us < hardly_any_us(of_sleeper));
  CHECK(of_waiter.wakes < 250);
}

TEST_CASE("a stopped handler is not dead: callers time out, everything resumes", "[quiet]") {
  test::TempBus path;
  test::Shared<std::atomic<int>> ran;
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"count", [&](Context&) { return ++*ran, Status::ok(); }}}));
  auto bus = test::open_when_served(path.path(), "count");
  const auto watcher = test::join(path.path());
  auto caller = test::caller_of(bus, "count");
  REQUIRE_OK(caller.call({}, {}));
  const auto before = test::census(watcher->view());
  handler.signal(SIGSTOP);
  const test::Stopwatch watch;
  auto queued = caller.start({}, 0, 20s);
  auto second = test::caller_of(bus, "count").start({}, 0, 20s);
  CHECK(test::kind(caller.call({}, {}, 100ms)) == ErrorKind::timed_out);
  CHECK(watch.ms() < 300);
  while (watch.ms() < 3000) {
    REQUIRE_OK(bus.reclaim());
    auto server = bus.serve();
    REQUIRE(test::kind(server->on("count", echo)) == ErrorKind::already_registered);
    REQUIRE(test::census(watcher->view()) == before);
    test::nap(50ms);
  }
  handler.signal(SIGCONT);
  CHECK_OK(queued->wait());
  CHECK_OK(second->wait());
  CHECK_OK(caller.call({}, {}));
  CHECK(ran->load() == 4);  // the one that timed out was withdrawn for certain
}

TEST_CASE("a stopped caller holds up nobody", "[quiet]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), test::handlers({{"echo", echo}}));
  auto bus = test::open_when_served(path.path(), "echo");
  test::Shared<std::atomic<std::uint64_t>> calls;
  const test::Child other([&] {
    auto own = Bus::open(path.path());
    auto caller = own->caller("echo");
    for (;;) {
      if (!caller->call({}, {}, 20s)) return 1;
      ++*calls;
    }
  });
  auto caller = test::caller_of(bus, "echo");
  for (int round = 0; round < 20; ++round) {
    REQUIRE(test::eventually([&] { return calls->load() > 10; }));
    other.signal(SIGSTOP);
    const test::Stopwatch watch;
    for (int i = 0; i < 50; ++i) REQUIRE_OK(caller.call({}, {}, 1s));
    CHECK(watch.ms() < 1000);
    calls->store(0);
    other.signal(SIGCONT);
    test::nap(std::chrono::microseconds(round * 37));
  }
}

TEST_CASE("a participant that closes all its descriptors keeps its slot", "[quiet]") {
  test::TempBus path;
  test::Shared<std::atomic<int>> closed;
  const auto handler = test::handler_process(path.path(), [&](Bus&, Server& server) {
    return server.on("close", [&](Context&) {
      ::close_range(3, ~0U, 0);
      return Status::ok();
    }) && server.on("echo", echo);
  });
  auto bus = test::open_when_served(path.path(), "echo");
  auto caller = test::caller_of(bus, "echo");
  REQUIRE_OK(test::caller_of(bus, "close").call({}, {}));
  const test::Stopwatch watch;
  while (watch.ms() < 700) {  // longer than a sweep of the server
    CHECK(bus.reclaim() == 0U);
    CHECK_OK(caller.call({}, {}));
    test::nap(20ms);
  }
  // The same on the caller's side.
  test::Child child([&] {
    auto own = Bus::open(path.path());
    auto mine = own->caller("echo");
    ::close_range(3, ~0U, 0);
    for (int i = 0; i < 20; ++i) {
      if (!mine->call({}, {})) return 1;
      (void)own->reclaim();
      test::nap(20ms);
    }
    return 0;
  });
  CHECK(child.wait() == 0);
}
