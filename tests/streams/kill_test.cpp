// Either side of a stream is killed or stopped, at each step and at any moment. What was put before
// a death is read; the end says what happened; nothing is left behind.
#include <csignal>
#include <random>
#include <thread>

#include "base/testpoint.hpp"
#include "streams/support.hpp"
#include "support/census.hpp"
#include "support/die_at.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Count;

namespace {

constexpr const char* writer_points[] = {"window.filled", "window.committed", "window.skipped"};

/// Counts up, and dies at the point after so many passes.
int count_and_die(const std::string& path, const char* point, int passes) {
  test::die_at(point, passes);
  return test::serve_for_ever(path, test::handlers({{"count", test::count_up}}));
}

}  // namespace

TEST_CASE("a handler is killed at each step of a record: a prefix is read, then the end",
          "[streams]") {
  for (const char* point : writer_points) {
    for (const int passes : {0, 1, 7, 40}) {
      INFO(point << " after " << passes);
      test::TempBus path;
      const test::Child handler([&] { return count_and_die(path.path(), point, passes); });
      auto bus = test::open_when_served(path.path(), "count");
      auto caller = test::caller_of(bus, "count");
      auto stream = caller.open(test::raw(Count{0, 100'000, 40}), {.window = 1024});
      REQUIRE_OK(stream);
      const auto got = test::read_numbers(*stream, 0, 20s);
      CHECK(test::kind(stream->end()) == ErrorKind::handler_died_after_start);
      // Also what fills the ring up to its end passes the first point.
      const int fills = passes == 40 ? 1 : 0;
      if (point == writer_points[0]) CHECK(got == static_cast<std::uint64_t>(passes - fills));
      if (point == writer_points[1]) CHECK(got == static_cast<std::uint64_t>(passes) + 1);
      // The next one serves the same caller.
      const auto successor = test::streams_process(path.path());
      REQUIRE_OK(bus.wait_until_available("count", 10s));
      auto again = caller.open(test::raw(Count{0, 100}));
      REQUIRE_OK(again);
      CHECK(test::read_numbers(*again, 0, 20s) == 100);
      CHECK_OK(again->end());
    }
  }
}

TEST_CASE("a handler is killed at any moment of a stream", "[streams]") {
  std::mt19937 random(3);
  test::TempBus path;
  auto handler = test::streams_process(path.path());
  auto bus = test::open_when_served(path.path(), "echo");
  const auto watcher = test::join(path.path());
  auto caller = test::caller_of(bus, "count");
  const auto before = test::census(watcher->view());
  for (int round = 0; round < 60; ++round) {
    auto stream = caller.open(test::raw(Count{0, ~0ULL, 8 + random() % 300}), {.window = 8192});
    REQUIRE_OK(stream);
    std::thread killer([&, after = std::chrono::microseconds(random() % 3000)] {
      test::nap(after);
      handler.kill();
    });
    const auto got = test::read_numbers(*stream, 0, 20s);
    killer.join();
    const auto end = test::kind(stream->end());
    INFO("after " << got << " records: " << to_string(end));
    CHECK((end == ErrorKind::handler_died_after_start ||
           (got == 0 && end == ErrorKind::handler_died_before_start) ||
           (got == 0 && end == ErrorKind::not_registered)));
    handler = test::streams_process(path.path());
    REQUIRE_OK(bus.wait_until_available("echo", 10s));
  }
  CHECK_OK(caller.flush());
  (void)bus.reclaim();
  const auto after = test::census(watcher->view());
  CHECK(after.lanes <= before.lanes + 1);
  CHECK(after.endpoints == before.endpoints);
}

TEST_CASE("a caller is killed at any moment: the handler learns it, and nothing is left",
          "[streams]") {
  std::mt19937 random(5);
  test::TempBus path;
  const test::Shared<std::atomic<int>> started;
  const test::Shared<std::atomic<int>> ended;
  const auto counted = [&](auto handler) {
    return [&, handler](Context& context) {
      ++*started;
      const auto status = handler(context);
      ++*ended;
      return status;
    };
  };
  const auto handler = test::handler_process(
      path.path(),
      test::handlers({{"count", counted(test::count_up)}, {"add", counted(test::add_up)}}));
  auto bus = test::open_when_served(path.path(), "add");
  const auto watcher = test::join(path.path());
  const auto before = test::census(watcher->view());
  for (int round = 0; round < 40; ++round) {
    const int so_far = *ended;
    test::Child victim([&] {
      auto own = Bus::open(path.path());
      if (!own) return 1;
      const bool reads = round % 2 == 0;
      auto caller = own->caller(reads ? "count" : "add");
      if (!caller) return 2;
      auto stream = reads ? caller->open(test::raw(Count{0, ~0ULL}), {.window = 2048})
                          : caller->open({}, {.window = 2048}, Records::to_handler, 64);
      if (!stream) return 3;
      for (std::uint64_t i = 0;; ++i) {
        if (!(reads ? stream->next().has_value() : stream->put(test::numbered(i)).has_value())) {
          return 4;
        }
      }
    });
    REQUIRE(test::eventually([&] { return started->load() > so_far; }));
    test::nap(std::chrono::microseconds(random() % 2000));
    victim.kill();
    const test::Stopwatch watch;
    REQUIRE(test::eventually([&] { return ended->load() > so_far; }));
    CHECK(watch.ms() < 1000);
  }
  CHECK(test::eventually([&] {
    (void)bus.reclaim();
    return test::census(watcher->view()) == before;
  }));
}

TEST_CASE("a side that is stopped holds up its stream, and is not dead", "[streams]") {
  test::TempBus path;
  const auto handler = test::streams_process(path.path());
  auto bus = test::open_when_served(path.path(), "echo");
  auto caller = test::caller_of(bus, "count");
  auto stream = caller.open(test::raw(Count{0, 5000}), {.window = 1024});
  REQUIRE_OK(stream);
  std::uint64_t next = 0;
  for (int stop = 0; stop < 5; ++stop) {
    for (int i = 0; i < 100; ++i, ++next) {
      const auto record = stream->next();
      REQUIRE_OK(record);
      REQUIRE(test::is_numbered(*record, next));
    }
    handler.signal(SIGSTOP);
    next = test::read_numbers(*stream, next, 100ms);
    CHECK(test::kind(stream->next(10ms)) == ErrorKind::timed_out);
    handler.signal(SIGCONT);
  }
  CHECK(test::read_numbers(*stream, next) == 5000);
  CHECK_OK(stream->end());
}

TEST_CASE("one that only polls learns that the other side has died", "[streams]") {
  const bool reads = GENERATE(false, true);
  INFO((reads ? "reading" : "writing"));
  test::TempBus path;
  test::Shared<std::atomic<int>> begun;
  const test::Child handler([&] {
    return test::serve_for_ever(path.path(), test::handlers({{"stuck", [&](Context& context) {
                                                                const RawReader reader(context);
                                                                const RawWriter writer(context);
                                                                ++*begun;
                                                                for (;;) test::nap(1s);
                                                                return Status::ok();
                                                              }}}));
  });
  auto bus = test::open_when_served(path.path(), "stuck");
  auto caller = test::caller_of(bus, "stuck");
  auto stream =
      caller.open({}, {.window = 256}, reads ? Records::from_handler : Records::to_handler);
  REQUIRE_OK(stream);
  REQUIRE(test::eventually([&] { return *begun == 1; }));
  const std::vector<std::byte> record(48);
  const auto poll = [&] {
    return reads ? test::kind(stream->next(0ns)) : test::kind(stream->put(record, 0ns));
  };
  REQUIRE(test::eventually([&] { return poll() == ErrorKind::timed_out; }));
  handler.signal(SIGKILL);
  CHECK(test::eventually([&] { return poll() != ErrorKind::timed_out; }));
  CHECK(poll() == ErrorKind::stream_ended);
  CHECK(test::kind(stream->end()) == ErrorKind::handler_died_after_start);
}

TEST_CASE("a stream that was not started waits for the next handler", "[streams]") {
  test::TempBus path;
  const test::Shared<std::atomic<bool>> blocked;
  auto handler = test::handler_process(
      path.path(), test::handlers({{"count", test::count_up}, {"block", [&](Context&) {
                                                                 *blocked = true;
                                                                 test::nap(1h);
                                                                 return Status::ok();
                                                               }}}));
  auto bus = test::open_when_served(path.path(), "block");
  auto blocker = test::caller_of(bus, "block");
  auto blocking = blocker.start({}, 0, forever);
  REQUIRE_OK(blocking);
  auto caller = test::caller_of(bus, "count", {.when_vacant = WhenVacant::wait});
  REQUIRE(test::eventually([&] { return blocked->load(); }));
  auto stream = caller.open(test::raw(Count{0, 500}));
  REQUIRE_OK(stream);
  CHECK(test::kind(stream->next(10ms)) == ErrorKind::timed_out);
  handler.kill();
  const auto successor = test::streams_process(path.path());
  CHECK(test::read_numbers(*stream, 0, 20s) == 500);
  CHECK_OK(stream->end());
}

TEST_CASE("a handler that was replaced goes on writing the streams that it owes", "[streams]") {
  test::TempBus path;
  const auto serve = [&](bool replaces) {
    auto bus = Bus::open(path.path());
    if (!bus) return 10;
    auto server = bus->serve({.stand_by = replaces});
    if (!server) return 11;
    const auto added = server->on("count", [](Context& context) {
      Count count;
      std::memcpy(&count, context.request().data(), sizeof count);
      std::thread([count, responder = context.defer()]() mutable {
        RawWriter out(responder);
        for (auto i = count.from; i < count.to; ++i) {
          if (!out.put(test::numbered(i))) return;
          if (i % 100 == 0) test::nap(1ms);
        }
        (void)responder.reply();
      }).detach();
      return Status::ok();
    });
    if (!added) return 12;
    if (replaces && !server->take_over(10s)) return 13;
    return server->run({}) ? 0 : 14;
  };
  test::Child first([&] { return serve(false); });
  auto bus = test::open_when_served(path.path(), "count");
  auto caller = test::caller_of(bus, "count");
  auto stream = caller.open(test::raw(Count{0, 20'000}), {.window = 4096});
  REQUIRE_OK(stream);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto record = stream->next();
    REQUIRE_OK(record);
    REQUIRE(test::is_numbered(*record, i));
  }
  const test::Child second([&] { return serve(true); });
  CHECK(test::read_numbers(*stream, 1000, 20s) == 20'000);
  CHECK_OK(stream->end());
  CHECK(first.wait(20s) == 0);
  auto again = caller.open(test::raw(Count{0, 10}));
  REQUIRE_OK(again);
  CHECK(test::read_numbers(*again, 0, 20s) == 10);
}
