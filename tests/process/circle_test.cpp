// Calls that wait for themselves: of a name that the waiting thread serves, or of one whose handler
// waits, by way of others, for that thread. They end at once with an error that says so.
#include <atomic>
#include <cerrno>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

constexpr double at_once_ms = 5'000;  // of a limit of 60 s, on a machine with other work

/// A handler that calls another name and passes on what became of it: its kind as the code.
std::function<Status(Context&)> calls_on(Bus& bus, const std::string& name, Duration limit = 60s) {
  return [&bus, name, limit](Context& context) {
    auto caller = bus.caller(name, {.when_vacant = WhenVacant::wait});
    if (!caller) return Status::reject(100);
    std::int32_t from_below = 0;
    const auto size = caller->call({}, test::raw(from_below), limit);
    if (!size) {
      const auto& error = size.error();
      if (error.kind == ErrorKind::rejected) return Status::reject(error.code);
      const bool says_so = error.code == EDEADLK && error.never_ran &&
                           error.message.view().find("wait for itself") != std::string_view::npos;
      return Status::reject(says_so ? EDEADLK : static_cast<std::int32_t>(error.kind));
    }
    return test::answer(context, test::raw(from_below));
  };
}

test::Setup one(const std::string& name, const std::string& calls) {
  return [=](Bus& bus, Server& server) { return bool(server.on(name, calls_on(bus, calls))); };
}

}  // namespace

TEST_CASE("a handler that calls its own name is told at once", "[circle]") {
  const Duration limit = GENERATE(Duration(60s), forever);
  test::TempBus path;
  auto handler = test::handler_process(path.path(), [limit](Bus& bus, Server& server) {
    return bool(server.on("self", calls_on(bus, "self", limit)));
  });
  auto bus = test::open_when_served(path.path(), "self");
  auto self = test::caller_of(bus, "self");
  const test::Stopwatch watch;
  const auto refused = self.call({}, {}, 60s);
  REQUIRE(test::kind(refused) == ErrorKind::rejected);
  CHECK(refused.error().code == EDEADLK);
  CHECK(watch.ms() < at_once_ms);
}

TEST_CASE("so is one that calls another name of the same server", "[circle]") {
  test::TempBus path;
  auto handler = test::handler_process(path.path(), [](Bus& bus, Server& server) {
    return server.on("outer", calls_on(bus, "inner")) &&
           server.on("inner", [](Context&) { return Status::ok(); });
  });
  auto bus = test::open_when_served(path.path(), "inner");
  const test::Stopwatch watch;
  const auto refused = test::caller_of(bus, "outer").call({}, {}, 60s);
  REQUIRE(test::kind(refused) == ErrorKind::rejected);
  CHECK(refused.error().code == EDEADLK);
  CHECK(watch.ms() < at_once_ms);
}

TEST_CASE("a thread that calls what it serves itself is told soon", "[circle]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = bus->serve();
  REQUIRE_OK(server->on("mine", [](Context&) { return Status::ok(); }));
  REQUIRE_OK(server->poll());
  auto mine = test::caller_of(*bus, "mine");
  const test::Stopwatch watch;
  const auto refused = mine.call({}, {}, 60s);
  CHECK(test::kind(refused) == ErrorKind::invalid_argument);
  CHECK(refused.error().code == EDEADLK);
  CHECK(watch.ms() < at_once_ms);
  // What it starts and then serves is no circle.
  auto pending = mine.start({}, 0, 60s);
  REQUIRE_OK(pending);
  CHECK_OK(server->run_for(5ms));
  CHECK_OK(pending->wait());
}

TEST_CASE("a circle over two processes, and over three", "[circle]") {
  const bool three = GENERATE(false, true);
  test::TempBus path;
  auto first = test::handler_process(path.path(), [](Bus& bus, Server& server) {
    return server.on("first", calls_on(bus, "second")) &&
           server.on("back", [](Context&) { return Status::ok(); });
  });
  auto second = test::handler_process(path.path(), one("second", three ? "third" : "back"));
  auto third = test::handler_process(path.path(), one("third", "back"));
  auto bus = test::open_when_served(path.path(), "back");
  for (const char* name : {"second", "third"}) REQUIRE_OK(bus.wait_until_available(name, 10s));
  auto caller = test::caller_of(bus, "first");
  for (int i = 0; i < 3; ++i) {
    const test::Stopwatch watch;
    const auto refused = caller.call({}, {}, 60s);
    REQUIRE(test::kind(refused) == ErrorKind::rejected);
    CHECK(refused.error().code == EDEADLK);
    CHECK(watch.ms() < at_once_ms);
  }
  // They go on: what is no circle is answered.
  CHECK_OK(test::caller_of(bus, "back").call({}, {}, 60s));
}

TEST_CASE("two handlers that call each other at the same time", "[circle]") {
  test::TempBus path;
  auto left = test::handler_process(path.path(), [](Bus& bus, Server& server) {
    return server.on("left", calls_on(bus, "right.end")) &&
           server.on("left.end", [](Context&) { return Status::ok(); });
  });
  auto right = test::handler_process(path.path(), [](Bus& bus, Server& server) {
    return server.on("right", calls_on(bus, "left.end")) &&
           server.on("right.end", [](Context&) { return Status::ok(); });
  });
  auto bus = test::open_when_served(path.path(), "left.end");
  REQUIRE_OK(bus.wait_until_available("right.end", 10s));
  auto to_left = test::caller_of(bus, "left");
  auto to_right = test::caller_of(bus, "right");
  int good = 0;
  for (int i = 0; i < 200; ++i) {
    const test::Stopwatch watch;
    auto one = to_left.start({}, 4, 60s);
    auto other = to_right.start({}, 4, 60s);
    for (auto* pending : {&one, &other}) {
      REQUIRE_OK(*pending);
      const auto ended = (*pending)->wait();
      good += ended ? 1 : 0;
      if (!ended) CHECK(ended.error().code == EDEADLK);
    }
    CHECK(watch.ms() < at_once_ms);
  }
  CHECK(good >= 200);  // of each pair one goes on, at least
}

TEST_CASE("what others answer later is no circle", "[circle]") {
  test::TempBus path;
  // "later" is answered by another thread, which calls a name that the first one serves.
  auto handler = test::Child([&] {
    auto bus = Bus::open(path.path());
    auto server = bus->serve();
    std::thread worker;
    const auto later = [&](Context& context) {
      worker = std::thread([&bus, responder = context.defer()]() mutable {
        auto end = bus->caller("end");
        if (end->call({}, {}, 60s)) (void)responder.reply();
      });
      return Status::ok();
    };
    if (!server->on("later", later) || !server->on("end", [](Context&) { return Status::ok(); })) {
      return 1;
    }
    for (;;) (void)server->run_for(1s);
  });
  auto other = test::handler_process(path.path(), one("through", "later"));
  auto bus = test::open_when_served(path.path(), "end");
  REQUIRE_OK(bus.wait_until_available("through", 10s));
  std::int32_t reply = 0;
  CHECK_OK(test::caller_of(bus, "through").call({}, test::raw(reply), 20s));
}

TEST_CASE("a handler that fills its own lane is told at once", "[circle]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }
  auto handler = test::handler_process(path.path(), [](Bus& bus, Server& server) {
    return server.on("post", [](Context&) { return Status::ok(); }) &&
           server.on("flood", [&bus](Context&) {
             auto post = bus.caller("post");
             for (int i = 0; i < 20; ++i) {  // 8 cells
               const auto sent = post->send({}, Notify::now, 60s);
               if (!sent) return Status::reject(sent.error().code);
             }
             return Status::ok();
           });
  });
  auto bus = test::open_when_served(path.path(), "flood");
  const test::Stopwatch watch;
  const auto refused = test::caller_of(bus, "flood").call({}, {}, 60s);
  REQUIRE(test::kind(refused) == ErrorKind::rejected);
  CHECK(refused.error().code == EDEADLK);
  CHECK(watch.ms() < at_once_ms);
}
