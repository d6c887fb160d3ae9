// Middlewares between real processes, around handlers and around calls.
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

using Count = std::atomic<std::uint32_t>;
using Double = Command<"math.double", std::uint64_t, std::uint64_t>;
using Flaky = Command<"flaky", std::uint64_t, std::uint64_t, Idempotent>;

std::uint64_t twice(const std::uint64_t& in) { return in * 2; }

struct Notes {
  std::array<char, 256> line{};
  Count lines{0};
};

}  // namespace

TEST_CASE("a chain of ready middlewares around a handler in another process", "[middleware]") {
  test::TempBus path;
  const test::Shared<Notes> log;
  const test::Shared<CallTimes> times;
  const auto handler = test::handler_process(path.path(), [&](Bus&, Server& server) {
    const auto write = [&](std::string_view line) {
      log->line = {};
      std::copy_n(line.data(), std::min(line.size(), log->line.size() - 1), log->line.data());
      ++log->lines;
    };
    return server
        .on<Double>(with(logged(write), timed(*times), allow(uid_is(::getuid())),
                         validated([](const std::uint64_t& in) {
                           return in != 13 ? Status::ok() : Status::reject(13, "unlucky");
                         }),
                         twice))
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "math.double");
  auto caller = bus.caller<Double>();
  REQUIRE_OK(caller);
  for (std::uint64_t i = 20; i < 120; ++i) CHECK(*caller->call(i) == 2 * i);
  const auto line = [&] { return std::string(log->line.data()); };
  const std::string who = "math.double from test pid=" + std::to_string(::getpid()) +
                          " uid=" + std::to_string(::getuid());
  REQUIRE(test::eventually([&] { return log->lines.load() == 100; }));
  INFO(line());
  CHECK(line().starts_with(who + " ok "));
  const auto refusal = caller->call(13);
  REQUIRE(test::kind(refusal) == ErrorKind::invalid_argument);
  CHECK(refusal.error().code == 13);
  CHECK(refusal.error().message.view() == "unlucky");
  REQUIRE(test::eventually([&] { return log->lines.load() == 101; }));
  CHECK(line().starts_with(who + " invalid_argument code=13 \"unlucky\" "));
  CHECK(times->count == 101);
  CHECK(times->failed == 1);
}

TEST_CASE("a handler tells callers apart by who they are", "[middleware]") {
  test::TempBus path;
  const test::Shared<Count> ran;
  const auto handler = test::handler_process(path.path(), [&](Bus&, Server& server) {
    const auto rule = [](const CallerInfo& caller) { return caller.label.view() == "trusted"; };
    const auto run = [&ran](const std::uint64_t& in) { return ++*ran, in; };
    return server.on<Double>(with(allow(rule), run)).has_value();
  });
  REQUIRE(test::open_when_served(path.path(), "math.double").valid());
  const auto try_as = [&](const char* label) {
    auto bus = Bus::open(path.path(), {.label = label});
    auto caller = bus->caller<Double>();
    return test::kind(caller->call(1));
  };
  CHECK(try_as("trusted") == ErrorKind::none);
  CHECK(try_as("somebody") == ErrorKind::not_permitted);
  CHECK(try_as("trusted") == ErrorKind::none);
  CHECK(ran->load() == 2);
}

TEST_CASE("a rate limit holds back all callers of a handler together", "[middleware]") {
  test::TempBus path;
  const test::Shared<Count> ran;
  const auto handler = test::handler_process(path.path(), [&](Bus&, Server& server) {
    const auto run = [&ran](const std::uint64_t& in) { return ++*ran, in; };
    return server.on<Double>(with(rate_limited(200, 10), run)).has_value();
  });
  REQUIRE(test::open_when_served(path.path(), "math.double").valid());
  const test::Shared<Count> let_in;
  const test::Shared<Count> kept_off;
  const test::Stopwatch watch;
  std::vector<test::Child> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] {
      auto bus = Bus::open(path.path());
      auto caller = bus->caller<Double>();
      const test::Stopwatch mine;
      while (mine.ms() < 500) {
        const auto reply = caller->call(1);
        if (!reply && reply.error().kind != ErrorKind::overloaded) return 1;
        ++*(reply ? let_in : kept_off);
      }
      return 0;
    });
  }
  for (auto& child : callers) CHECK(child.wait() == 0);
  CHECK(let_in->load() == ran->load());
  CHECK(kept_off->load() > 0);
  CHECK(let_in->load() >= 11);
  CHECK(static_cast<double>(let_in->load()) <= 10 + 0.2 * watch.ms() + 1);
}

TEST_CASE("middlewares around a call: retrying outside, timing each attempt inside",
          "[middleware]") {
  test::TempBus path;
  const test::Shared<Count> runs;
  const test::Child handlers([&] {
    for (;;) {
      auto one = test::handler_process(path.path(), [&](Bus&, Server& server) {
        const auto run = [&](const std::uint64_t& in) {
          if (++*runs % 3 != 0) ::raise(SIGKILL);
          return in + 1;
        };
        return server.on<Flaky>(run).has_value();
      });
      one.wait(10min);
    }
    return 0;
  });
  auto bus = test::open_when_served(path.path(), "flaky");
  CallTimes attempts;
  CallTimes calls;
  int lines = 0;
  auto caller =
      with(timed(calls), retrying({.attempts = 1'000, .backoff_max = 10ms}),
           logged([&](std::string_view line) { lines += line.starts_with("flaky ") ? 1 : 0; }),
           timed(attempts), *bus.caller<Flaky>());
  for (std::uint64_t i = 0; i < 5; ++i) {
    const auto reply = caller.call(i, 60s);
    REQUIRE_OK(reply);
    CHECK(*reply == i + 1);
  }
  CHECK(runs->load() == 15);
  CHECK(calls.count == 5);
  CHECK(calls.failed == 0);
  CHECK(attempts.count >= 15);
  CHECK(attempts.failed == attempts.count - 5);
  CHECK(lines == static_cast<int>(attempts.count));

  auto strict = with(validated([](const std::uint64_t& in) { return in > 0; }), rate_limited(1e-3),
                     *bus.caller<Flaky>());
  CHECK(test::kind(strict.call(0)) == ErrorKind::invalid_argument);
  (void)strict.call(1);
  CHECK(test::kind(strict.call(1)) == ErrorKind::overloaded);
}
