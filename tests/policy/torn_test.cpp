// Setters that are killed or stopped at each step, and words that no setter wrote.
#include <csignal>

#include "base/testpoint.hpp"
#include "layout/policy.hpp"
#include "policy/policy_process.hpp"
#include "recovery/participant.hpp"
#include "support/seed.hpp"
#include "words/change.hpp"

using namespace shmbus;
using namespace shmbus::test;
using namespace std::chrono_literals;

namespace {

std::string stop_at;  // in the child alone
int with_signal = 0;
void stop_here(const char* point) {
  if (stop_at == point) ::raise(with_signal);
}

/// A process that sets `policy` and gets `signal` at `point`.
Child setter_stopped_at(const std::string& path, const std::string& point, const Policy& policy,
                        int signal) {
  return Child([=] {
    auto bus = Bus::open(path, {.label = "setter"});
    if (!bus) return 1;
    stop_at = point;
    with_signal = signal;
    testpoint::hook = stop_here;
    return bus->set_policy("work", policy) ? 0 : 2;
  });
}

}  // namespace

TEST_CASE("a setter that is killed at any step leaves words that stand, and they are announced",
          "[policy]") {
  const std::vector<std::string> points{"policy.changing", "policy.terms",     "policy.outstanding",
                                        "policy.rate",     "policy.breaker",   "policy.live",
                                        "policy.signed",   "policy.announced", "policy.done"};
  const Policy before{.outstanding = 40, .rate = {1'000'000, 1s, 1000}};
  const Policy after{.deny = true,
                     .deadline = 3s,
                     .outstanding_per_caller = 9,
                     .outstanding = 30,
                     .rate = {2'000'000, 1s, 2000},
                     .breaker = {50, 20, 10s, 5s, false}};
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto view = join(path.path());
  auto caller = caller_of(bus, "work");
  for (std::size_t i = 0; i < points.size(); ++i) {
    INFO(points[i]);
    REQUIRE_OK(bus.set_policy("work", before));
    REQUIRE_OK(call(caller));
    auto setter = setter_stopped_at(path.path(), points[i], after, SIGKILL);
    CHECK(setter.wait() == ended_by(SIGKILL));
    // The process that reclaims it announces; a caller at work then sees what was stored.
    REQUIRE_OK(bus.reclaim());
    CHECK(view->view().policy(0).asked.changing.load() == 0);
    const auto now = bus.policy("work");
    REQUIRE_OK(now);
    const std::size_t stored = std::min<std::size_t>(i, 4);  // words before the kill
    CHECK(now->deny == (stored >= 1));
    CHECK(now->outstanding == (stored >= 2 ? after.outstanding : before.outstanding));
    CHECK(now->rate == (stored >= 3 ? after.rate : before.rate));
    CHECK(now->breaker == (stored >= 4 ? after.breaker : before.breaker));
    CHECK(kind(call(caller)) == (now->deny ? ErrorKind::not_permitted : ErrorKind::none));
    REQUIRE_OK(bus.set_policy("work", {}));  // nobody is in the way of the next setter
    CHECK_OK(call(caller));
  }
}

TEST_CASE("a setter that is stopped in the middle is passed over", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  auto setter = setter_stopped_at(path.path(), "policy.terms", {.deny = true}, SIGSTOP);
  REQUIRE(eventually([&] { return bus.policy("work")->deny; }));
  const Stopwatch clock;
  REQUIRE_OK(bus.set_policy("work", {.deadline = 1s}));
  CHECK(clock.ms() < 2000);
  CHECK_OK(call(caller));
  setter.signal(SIGCONT);
  CHECK(setter.wait() == 0);  // its later words come last, each of them whole
  CHECK_FALSE(bus.policy("work")->deny);
  REQUIRE_OK(bus.set_policy("work", {}));
  CHECK_OK(call(caller));
}

TEST_CASE("a caller that is killed with its turn in hand holds up nobody", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  REQUIRE_OK(bus.set_policy("work", {.rate = {100, 1s, 1}}));
  Child victim([&] {
    stop_at = "policy.turn";
    with_signal = SIGKILL;
    testpoint::hook = stop_here;
    auto mine = Bus::open(path.path());
    auto theirs = mine->caller("work");
    return call(*theirs) ? 0 : 1;
  });
  CHECK(victim.wait() == ended_by(SIGKILL));
  auto caller = caller_of(bus, "work");
  CHECK(eventually([&] { return call(caller).has_value(); }, 1s));
}

TEST_CASE("forged policies crash nobody and hang nobody", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  auto joined = join(path.path());
  const auto& view = joined->view();
  auto& record = view.policy(0);
  SHMBUS_RANDOM(random);
  for (int round = 0; round < 300; ++round) {
    auto* const words = reinterpret_cast<layout::Word64*>(&record);
    for (std::size_t i = 0; i < sizeof record / 8; ++i) {
      if (random() % 2 != 0) continue;
      const std::uint64_t values[] = {random(), 0, ~0ULL, random() >> (random() % 64)};
      words[i].store(values[random() % 4]);
    }
    policy::announce(view, 0);
    const Stopwatch clock;
    (void)call(caller, Do::answer, 200ms);
    (void)bus.policy("work");
    (void)bus.policy_status("work");
    CHECK(clock.ms() < 2000);
  }
  // An honest setter puts everything right.
  REQUIRE_OK(bus.set_policy("work", {.breaker = {50, 5, 1s, 1s, false}}));
  REQUIRE_OK(bus.set_policy("work", {}));
  CHECK_OK(call(caller));
}

TEST_CASE("a forged time of the rate limit or the breaker passes soon", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  auto joined = join(path.path());
  auto& live = joined->view().policy(0).live;
  REQUIRE_OK(bus.set_policy("work", {.rate = {1000, 1s, 10}}));
  for (const std::uint64_t forged : {~0ULL, ~0ULL / 2, 1ULL << 63U}) {
    live.arrival.store(forged);
    CHECK(eventually([&] { return call(caller).has_value(); }, 3s));
  }
  REQUIRE_OK(bus.set_policy("work", {.breaker = {50, 5, 100ms, 100ms, false}}));
  for (std::uint32_t state = 1; state <= 3; ++state) {
    for (const std::uint64_t since : {0ULL, 1ULL << 33U, ~0ULL}) {
      live.circuit.store(
          layout::CircuitWord::make(static_cast<layout::Circuit>(state), since, 16383, 3).bits);
      CHECK(eventually([&] { return call(caller).has_value(); }, 3s));
      CHECK(bus.policy_status("work")->circuit == CircuitState::closed);
    }
  }
}
