// co_await on replies of other processes: resumed by a spinning, an adaptive or a sleeping reactor,
// or by an event loop; at deadlines and deaths too; without allocating.
#include <poll.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <new>
#include <vector>

#include "async/counted_new.hpp"
#include "shmbus/async.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

using Square = Command<"square", std::uint64_t, std::uint64_t>;

test::Setup squares() {
  return [](Bus&, Server& server) {
    return server.on<Square>([](const std::uint64_t& in) -> std::uint64_t { return in * in; })
        .has_value();
  };
}
/// Answers nothing, ever.
test::Setup deaf() {
  return [](Bus&, Server& server) {
    static std::vector<Responder> kept;
    return server
        .on("square",
            [](Context& context) {
              kept.push_back(context.defer());
              return Status::ok();
            })
        .has_value();
  };
}

struct Peer {
  test::TempBus path;
  test::Child handler;
  Bus bus;
  Caller<Square> square;
  Reactor reactor;

  explicit Peer(const test::Setup& setup, const OpenOptions& options = {})
      : handler(make(path, setup, options)),
        bus(test::open_when_served(path.path(), "square")),
        square(*bus.caller<Square>()),
        reactor(*Reactor::create()) {}
  static test::Child make(const test::TempBus& path, const test::Setup& setup,
                          const OpenOptions& options) {
    if (!Bus::open(path.path(), options)) FAIL("no bus");
    return test::handler_process(path.path(), setup);
  }
};

/// Squares first, first + step, ...; one call at a time, one chain of many.
Detached sum_up(Peer& peer, std::uint64_t first, std::uint64_t count, std::uint64_t step,
                std::uint64_t& sum, int& wrong) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t number = first + i * step;
    const auto reply = co_await peer.reactor.call(peer.square, number, 20s);
    if (!reply || **reply != number * number) {
      ++wrong;
      co_return;
    }
    sum += number;
  }
}

Detached ask(Peer& peer, Duration timeout, std::vector<ErrorKind>& outcomes) {
  const auto reply = co_await peer.reactor.call(peer.square, 7, timeout);
  outcomes.push_back(test::kind(reply));
}

/// A coroutine whose frame its owner may destroy while it waits.
struct Owned {
  struct promise_type {  // NOLINT: the name is the language's
    Owned get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};
Owned wait_once(Peer& peer, int& resumed) {
  (void)co_await peer.reactor.call(peer.square, 1, 30s);
  ++resumed;
}

}  // namespace

TEST_CASE("twenty coroutines share a caller, however the reactor waits", "[async]") {
  for (const auto wait : {WaitMode::spinning, WaitMode::adaptive, WaitMode::blocking}) {
    for (const bool watched : {true, false}) {
      INFO(static_cast<int>(wait) << " watched " << watched);
      Peer peer(squares());
      if (watched) REQUIRE_OK(peer.reactor.watch(peer.square));
      const std::uint64_t each = wait == WaitMode::blocking ? 20 : 200;
      std::uint64_t sum = 0;
      int wrong = 0;
      for (std::uint64_t i = 0; i < 20; ++i) sum_up(peer, i, each, 20, sum, wrong);
      REQUIRE_OK(peer.reactor.run({}, wait));
      CHECK(peer.reactor.idle());
      CHECK(wrong == 0);
      const std::uint64_t n = 20 * each;
      CHECK(sum == n * (n - 1) / 2);
    }
  }
}

TEST_CASE("an await allocates nothing", "[async]") {
  Peer peer(squares());
  REQUIRE_OK(peer.reactor.watch(peer.square));
  std::uint64_t sum = 0;
  int wrong = 0;
  sum_up(peer, 0, 100, 1, sum, wrong);
  REQUIRE_OK(peer.reactor.run({}, WaitMode::blocking));
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  [](Peer& p, std::uint64_t& b, std::uint64_t& a) -> Detached {
    b = test::allocations.load();
    for (std::uint64_t i = 0; i < 1'000; ++i) (void)co_await p.reactor.call(p.square, i, 20s);
    a = test::allocations.load();
  }(peer, before, after);
  REQUIRE_OK(peer.reactor.run());
  CHECK(wrong == 0);
  CHECK(before != 0);
  CHECK(after == before);
}

TEST_CASE("an event loop drives the reactor by its descriptor alone", "[async]") {
  Peer peer(squares());
  REQUIRE_OK(peer.reactor.watch(peer.square));
  const auto readable = [&](int timeout_ms) {
    pollfd one{peer.reactor.fd(), POLLIN, 0};
    return ::poll(&one, 1, timeout_ms) == 1;
  };
  for (int round = 0; round < 3; ++round) {
    std::uint64_t sum = 0;
    int wrong = 0;
    for (std::uint64_t i = 0; i < 4; ++i) sum_up(peer, i, 25, 4, sum, wrong);
    while (!peer.reactor.idle()) {
      REQUIRE(readable(10'000));
      REQUIRE_OK(peer.reactor.poll());
    }
    CHECK(sum == 99 * 100 / 2);
    CHECK(wrong == 0);
    // Comes to rest: readable a few times at most, then never.
    int woken = 0;
    while (woken < 20 && readable(60)) {
      REQUIRE_OK(peer.reactor.poll());
      ++woken;
    }
    CHECK(woken < 20);
  }
}

TEST_CASE("a death resumes all who wait, and tells them", "[async]") {
  for (const auto wait : {WaitMode::spinning, WaitMode::adaptive}) {
    Peer peer(deaf());
    REQUIRE_OK(peer.reactor.watch(peer.square));
    std::vector<ErrorKind> outcomes;
    for (int i = 0; i < 8; ++i) ask(peer, 60s, outcomes);
    const test::Stopwatch watch;
    const pid_t victim = peer.handler.pid();
    const test::Child killer([victim] {
      test::nap(100ms);
      ::kill(victim, SIGKILL);
      return 0;
    });
    REQUIRE_OK(peer.reactor.run({}, wait));
    CHECK(watch.ms() < 30'000);
    REQUIRE(outcomes.size() == 8);
    for (const auto kind : outcomes) {
      const bool told = kind == ErrorKind::handler_died_after_start ||
                        kind == ErrorKind::handler_died_before_start;
      CHECK(told);
    }
  }
}

TEST_CASE("deadlines resume too, the default one as well", "[async]") {
  OpenOptions options;
  options.default_timeout = 150ms;
  Peer peer(deaf(), options);
  REQUIRE_OK(peer.reactor.watch(peer.square));
  std::vector<ErrorKind> outcomes;
  const test::Stopwatch watch;
  ask(peer, default_timeout, outcomes);
  ask(peer, 50ms, outcomes);
  REQUIRE_OK(peer.reactor.run());
  CHECK(watch.ms() >= 145);
  CHECK(watch.ms() < 20'000);
  CHECK(outcomes == std::vector<ErrorKind>{ErrorKind::timed_out, ErrorKind::timed_out});
}

TEST_CASE("a call that cannot be sent is an outcome, not a wait", "[async]") {
  Peer peer(squares());
  auto absent = peer.bus.caller<Command<"absent", Nothing>>();
  ErrorKind outcome = ErrorKind::none;
  [](Peer& p, Caller<Command<"absent", Nothing>>& caller, ErrorKind& kind) -> Detached {
    kind = test::kind(co_await p.reactor.call(caller, {}, 1s));
  }(peer, *absent, outcome);
  CHECK(outcome == ErrorKind::not_registered);
  CHECK(peer.reactor.idle());
}

TEST_CASE("a coroutine may be destroyed while it waits", "[async]") {
  Peer peer(deaf());
  int resumed = 0;
  {
    auto first = wait_once(peer, resumed);
    auto second = wait_once(peer, resumed);
    CHECK_FALSE(peer.reactor.idle());
    first.handle.destroy();
    CHECK_FALSE(peer.reactor.idle());
    REQUIRE_OK(peer.reactor.poll());
    second.handle.destroy();
  }
  CHECK(peer.reactor.idle());
  CHECK(resumed == 0);
  REQUIRE_OK(peer.reactor.run());
}

TEST_CASE("a stop request ends run(), and who waits can be resumed later", "[async]") {
  Peer peer(squares());
  std::uint64_t sum = 0;
  int wrong = 0;
  std::stop_source stop;
  stop.request_stop();
  sum_up(peer, 3, 1, 1, sum, wrong);
  REQUIRE_OK(peer.reactor.run(stop.get_token()));
  REQUIRE_OK(peer.reactor.run());
  CHECK(sum == 3);
}

TEST_CASE("a sleeping reactor uses no processor time to speak of", "[async]") {
  Peer peer(deaf());
  REQUIRE_OK(peer.reactor.watch(peer.square));
  std::vector<ErrorKind> outcomes;
  ask(peer, 1s, outcomes);
  const auto before = test::cpu_time();
  REQUIRE_OK(peer.reactor.run({}, WaitMode::blocking));
  CHECK(test::cpu_time() - before < 100ms);
}
