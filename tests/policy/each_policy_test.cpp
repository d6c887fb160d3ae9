// Every kind of policy does what it says, between processes.
#include "policy/policy_process.hpp"

using namespace shmbus;
using namespace shmbus::test;
using namespace std::chrono_literals;

TEST_CASE("a denied name is refused with the policy named, and served again once it is lifted",
          "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  REQUIRE_OK(call(caller));
  REQUIRE_OK(bus.set_policy("work", {.deny = true}));
  const auto refused = call(caller);
  CHECK(kind(refused) == ErrorKind::not_permitted);
  CHECK(describe(refused).find("the policy of 'work' denies it") != std::string::npos);
  CHECK(kind(caller.send(raw('a'))) == ErrorKind::not_permitted);
  CHECK(kind(caller.start(raw('a'), 0)) == ErrorKind::not_permitted);
  CHECK_FALSE(may_have_started(refused.error()));
  CHECK(bus.policy("work")->deny);
  CHECK(bus.policy_status("work")->denied == 3);
  REQUIRE_OK(bus.clear_policy("work"));
  CHECK_OK(call(caller));
  CHECK(*bus.policy("work") == Policy{});
}

TEST_CASE("the deadline of a policy is that of commands that name none", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  REQUIRE_OK(call(caller));
  REQUIRE_OK(bus.set_policy("work", {.deadline = 30ms}));
  const Stopwatch clock;
  CHECK(kind(call(caller, Do::hold)) == ErrorKind::timed_out);
  CHECK(clock.ms() < 250);
  CHECK_OK(call(caller, Do::hold, 10s));  // its own is what counts
  auto pending = caller.start(raw('h'), 0);
  REQUIRE_OK(pending);
  CHECK(kind(pending->wait()) == ErrorKind::timed_out);
  REQUIRE_OK(bus.clear_policy("work"));
  CHECK_OK(call(caller, Do::hold));
}

TEST_CASE("a caller's commands under way are limited, and free again when they are answered",
          "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  REQUIRE_OK(bus.set_policy("work", {.outstanding_per_caller = 3}));
  auto caller = caller_of(bus, "work");
  for (int round = 0; round < 3; ++round) {
    std::vector<Pending> pending;
    for (int i = 0; i < 3; ++i) {
      auto one = caller.start(raw('s'), 0);
      REQUIRE_OK(one);
      pending.push_back(std::move(*one));
    }
    const auto refused = caller.start(raw('s'), 0);
    CHECK(kind(refused) == ErrorKind::overloaded);
    CHECK(describe(refused).find("3 commands of each caller") != std::string::npos);
    for (auto& one : pending) CHECK_OK(one.wait());
  }
  for (int i = 0; i < 3; ++i) REQUIRE_OK(caller.send(raw('s')));
  CHECK(kind(caller.send(raw('a'))) == ErrorKind::overloaded);
  CHECK(eventually([&] { return caller.send(raw('a')).has_value(); }));
}

TEST_CASE("commands of all callers are limited together, and what a killed one had does not leak",
          "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  REQUIRE_OK(bus.set_policy("work", {.outstanding = 4}));
  auto caller = caller_of(bus, "work");
  REQUIRE_OK(call(caller));
  for (int round = 0; round < 5; ++round) {
    Shared<Tally> tally;
    Child greedy([&] {
      auto mine = Bus::open(path.path());
      auto theirs = mine->caller("work");
      for (int i = 0; i < 4; ++i) {
        if (!theirs->send(raw('s'))) return 1;
      }
      tally->go = true;
      nap(60s);
      return 0;
    });
    REQUIRE(eventually([&] { return tally->go.load(); }));
    const auto refused = call(caller);
    CHECK(kind(refused) == ErrorKind::overloaded);
    CHECK(describe(refused).find("4 commands of all callers") != std::string::npos);
    greedy.kill();
    // They run to their end; then there is room, the process that sent them.
    CHECK(eventually([&] { return call(caller).has_value(); }));
  }
  CHECK(eventually([&] { return bus.policy_status("work")->outstanding == 0; }));
}

TEST_CASE("a rate limit tells when to come back", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  REQUIRE_OK(bus.set_policy("work", {.rate = {.commands = 5, .per = 1s, .burst = 2}}));
  CHECK_OK(call(caller));
  CHECK_OK(call(caller));
  const auto refused = call(caller);
  REQUIRE(kind(refused) == ErrorKind::overloaded);
  CHECK(describe(refused).find("limits the rate to 5 in 1000 ms") != std::string::npos);
  const std::uint64_t hint = refused.error().retry_after_ns;
  CHECK(hint > 0);
  CHECK(hint <= 200'000'000);
  nap(std::chrono::nanoseconds(hint) + 1ms);
  CHECK_OK(call(caller));
}

TEST_CASE("a policy outlives the owners of its name, and may be there before them", "[policy]") {
  TempBus path;
  auto bus = Bus::open(path.path(), {.label = "test"});
  REQUIRE_OK(bus);
  REQUIRE_OK(bus->set_policy("work", {.rate = {.commands = 1, .per = 1min, .burst = 2}}));
  auto caller = caller_of(*bus, "work", {.when_vacant = WhenVacant::wait});
  for (int i = 0; i < 2; ++i) {
    auto owner = worker_process(path.path());
    CHECK_OK(call(caller, Do::answer, 10s));
    owner.kill();
  }
  const auto owner = worker_process(path.path());
  REQUIRE_OK(bus->wait_until_available("work", 10s));
  CHECK(kind(call(caller, Do::answer, 10s)) == ErrorKind::overloaded);
  CHECK(bus->policy("work")->rate.commands == 1);
}

TEST_CASE("what no policy can ask is refused by what it is", "[policy]") {
  TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  CHECK(kind(bus->set_policy("work", {.deadline = -1ns})) == ErrorKind::invalid_argument);
  CHECK(kind(bus->set_policy("work", {.rate = {.commands = 1, .per = 2h}})) ==
        ErrorKind::invalid_argument);
  CHECK(kind(bus->set_policy("work", {.rate = {.commands = 1, .per = 1s, .burst = 0}})) ==
        ErrorKind::invalid_argument);
  CHECK(kind(bus->set_policy("work", {.breaker = {.failure_percent = 101}})) ==
        ErrorKind::invalid_argument);
  CHECK(kind(bus->set_policy("work", {.breaker = {.failure_percent = 50, .window = 2h}})) ==
        ErrorKind::invalid_argument);
}

TEST_CASE("policies are read back as they were set", "[policy]") {
  TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  for (const auto& rate :
       {RateLimit{3, 1s, 1}, RateLimit{7, 1min, 9}, RateLimit{100'000, 1s, 500},
        RateLimit{1, 450s, 2}, RateLimit{5, 1h, 1}, RateLimit{999, 1s, 16'000'000}}) {
    const Policy policy{.deadline = 70ms,
                        .outstanding_per_caller = 5,
                        .outstanding = 77,
                        .rate = rate,
                        .breaker = {50, 10, 3s, 200ms, true}};
    REQUIRE_OK(bus->set_policy("work", policy));
    const auto back = bus->policy("work");
    REQUIRE_OK(back);
    CHECK(back->deadline == policy.deadline);
    CHECK(back->breaker == policy.breaker);
    const double asked = rate.commands / std::chrono::duration<double>(rate.per).count();
    const double is = back->rate.commands / std::chrono::duration<double>(back->rate.per).count();
    CHECK(is == Approx(asked).epsilon(1e-4));
    CHECK(back->rate.burst == rate.burst);
  }
}
