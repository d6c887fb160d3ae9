// A handler is killed: while idle, while it runs a command, while it has deferred one. Its callers
// are told which it was, soon, without a daemon.
#include <unistd.h>

#include <csignal>

#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

// The promise is 20 ms; what a busy machine adds is not what is tested here.
constexpr double soon_ms = 200;

struct Signs {
  std::atomic<int> running{0};
};

test::Child mortal(const std::string& path, test::Shared<Signs>& signs) {
  return test::handler_process(
      path, test::handlers({{"run",
                             [&](Context&) {
                               ++signs->running;
                               for (;;) ::pause();
                               return Status::ok();
                             }},
                            {"spin",
                             [&](Context&) {
                               ++signs->running;
                               for (;;) {
                               }
                               return Status::ok();
                             }},
                            {"defer",
                             [&](Context& c) {
                               new Responder(c.defer());
                               ++signs->running;
                               return Status::ok();
                             }},
                            {"echo", [](Context& c) { return test::answer(c, c.request()); }}}));
}

struct Scene {
  test::TempBus path;
  test::Shared<Signs> signs;
  test::Child handler = mortal(path.path(), signs);
  Bus bus = test::open_when_served(path.path(), "echo");

  void wait_until_running(int count = 1) {
    REQUIRE(test::eventually([&] { return signs->running == count; }));
  }
};

}  // namespace

TEST_CASE("killed while it runs or has deferred: told that it was started", "[death]") {
  for (const auto wait : {WaitMode::adaptive, WaitMode::spinning, WaitMode::blocking}) {
    for (const auto* name : {"run", "spin", "defer"}) {
      INFO(name);
      Scene s;
      auto caller = test::caller_of(s.bus, name, {.wait = wait});
      auto pending = caller.start({}, 8);
      REQUIRE_OK(pending);
      s.wait_until_running();
      s.handler.kill();
      const test::Stopwatch watch;
      const auto told = pending->wait();
      CHECK(watch.ms() < soon_ms);
      CHECK(test::kind(told) == ErrorKind::handler_died_after_start);
      CHECK(test::kind(caller.call({}, {})) == ErrorKind::not_registered);
    }
  }
}

TEST_CASE("killed while a caller sleeps in a call without a time limit", "[death]") {
  Scene s;
  test::Shared<std::atomic<int>> kind;
  test::Child waiter([&] {
    auto own = Bus::open(s.path.path());
    auto caller = own->caller("run");
    kind->store(static_cast<int>(test::kind(caller->call({}, {}, forever))));
    return 0;
  });
  s.wait_until_running();
  test::nap(30ms);
  const test::Stopwatch watch;
  s.handler.kill();
  CHECK(waiter.wait(5s) == 0);
  CHECK(watch.ms() < soon_ms);
  CHECK(kind->load() == static_cast<int>(ErrorKind::handler_died_after_start));
}

TEST_CASE("killed with commands queued: they are told that they were not run", "[death]") {
  Scene s;
  auto caller = test::caller_of(s.bus, "run");
  auto echo = test::caller_of(s.bus, "echo");
  auto started = caller.start({}, 0);
  s.wait_until_running();
  std::vector<Pending> queued;
  for (int i = 0; i < 10; ++i) {
    auto one = echo.start({}, 0);
    REQUIRE_OK(one);
    queued.push_back(std::move(*one));
  }
  s.handler.kill();
  const test::Stopwatch watch;
  for (auto& one : queued) {
    CHECK(test::kind(one.wait()) == ErrorKind::handler_died_before_start);
  }
  CHECK(test::kind(started->wait()) == ErrorKind::handler_died_after_start);
  CHECK(watch.ms() < soon_ms);
  // A successor does not run what was given up.
  const auto successor = mortal(s.path.path(), s.signs);
  REQUIRE_OK(s.bus.wait_until_available("echo", 5s));
  const std::uint64_t number = 5;
  std::uint64_t back = 0;
  CHECK_OK(echo.call(test::raw(number), test::raw(back)));
  CHECK(back == 5);
}

TEST_CASE("killed while idle: the next call says so at once", "[death]") {
  Scene s;
  auto echo = test::caller_of(s.bus, "echo");
  CHECK_OK(echo.call({}, {}));
  s.handler.kill();
  const test::Stopwatch watch;
  const auto told = echo.call({}, {});
  CHECK(watch.ms() < soon_ms);
  CHECK((test::kind(told) == ErrorKind::handler_died_before_start ||
         test::kind(told) == ErrorKind::not_registered));
  CHECK(test::kind(echo.call({}, {})) == ErrorKind::not_registered);
}

TEST_CASE("a name can be registered again after a death, and calls go on", "[death]") {
  Scene s;
  auto echo = test::caller_of(s.bus, "echo");
  for (int i = 0; i < 20; ++i) {
    s.handler.kill();
    s.handler = mortal(s.path.path(), s.signs);
    REQUIRE(test::eventually([&] { return echo.call({}, {}).has_value(); }));
  }
}

TEST_CASE("calls that wait for a successor are run by it, exactly once", "[death]") {
  // Commands are queued behind one that is running when the handler is killed. They carry numbers
  // that both handlers count in memory that survives them.
  struct Book {
    std::atomic<int> runs[64]{};
    std::atomic<int> blocked{0};
  };
  for (int round = 0; round < 10; ++round) {
    test::TempBus path;
    test::Shared<Book> book;
    const auto setup = test::handlers({{"count",
                                        [&](Context& c) {
                                          const auto i =
                                              test::number_in<std::uint64_t>(c.request());
                                          ++book->runs[i];
                                          return test::answer(c, c.request());
                                        }},
                                       {"block", [&](Context&) {
                                          book->blocked = 1;
                                          for (;;) ::pause();
                                          return Status::ok();
                                        }}});
    auto handler = test::handler_process(path.path(), setup);
    auto bus = test::open_when_served(path.path(), "block");
    const CallerOptions patient{.when_vacant = WhenVacant::wait};
    auto count = test::caller_of(bus, "count", patient);
    auto block = test::caller_of(bus, "block", patient);
    auto started = block.start({}, 0, 10s);
    REQUIRE(test::eventually([&] { return book->blocked == 1; }));
    std::vector<Pending> queued;
    for (std::uint64_t i = 0; i < 60; ++i) {
      auto one = count.start(test::raw(i), 8, 10s);
      REQUIRE_OK(one);
      queued.push_back(std::move(*one));
    }
    handler.kill();
    if (round % 2 == 0) CHECK(test::kind(started->wait()) == ErrorKind::handler_died_after_start);
    handler = test::handler_process(path.path(), setup);
    for (std::uint64_t i = 0; i < 60; ++i) {
      const auto reply = queued[i].wait();
      REQUIRE_OK(reply);
      REQUIRE(test::number_in<std::uint64_t>(reply->bytes()) == i);
      REQUIRE(book->runs[i] == 1);
    }
    if (round % 2 == 1) CHECK(test::kind(started->wait()) == ErrorKind::handler_died_after_start);
  }
}

TEST_CASE("a caller that is killed leaves nothing behind, and what it sent is run", "[death]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }
  test::Shared<std::atomic<int>> ran;
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"count", [&](Context&) { return ++*ran, Status::ok(); }}}));
  auto bus = test::open_when_served(path.path(), "count");
  for (int i = 0; i < 30; ++i) {  // many more than there are slots and lanes
    test::Child child([&] {
      auto own = Bus::open(path.path());
      if (!own) return 1;
      auto caller = own->caller("count");
      const std::vector<std::byte> large(5000);
      if (!caller || !caller->send(large) || !caller->send({})) return 2;
      ::raise(SIGKILL);
      return 3;
    });
    REQUIRE(child.wait() == test::ended_by(SIGKILL));
  }
  CHECK(test::eventually([&] { return *ran == 60; }));
  const auto watcher = test::join(path.path());
  CHECK(test::eventually([&] {
    (void)bus.reclaim();
    const auto used = test::census(watcher->view());
    return used == test::Census{.participants = 3, .endpoints = 1};
  }));
}
