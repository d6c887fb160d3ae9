// The circuit breaker of a name over several caller processes: it opens for all of them, lets one
// call through on trial, and closes again.
#include <thread>
#include <vector>

#include "policy/breaker.hpp"
#include "policy/policy_process.hpp"
#include "policy/rate.hpp"

using namespace shmbus;
using namespace shmbus::test;
using namespace std::chrono_literals;

namespace {

Policy breaker(std::uint32_t percent, std::uint32_t calls, Duration open_for,
               bool rejections = false) {
  return {.breaker = {percent, calls, 60s, open_for, rejections}};
}

CircuitState circuit(Bus& bus) { return bus.policy_status("work")->circuit; }

}  // namespace

TEST_CASE("a call that began before the circuit opened does not settle its trial", "[policy]") {
  using layout::Circuit;
  using layout::CircuitWord;
  const wait::TickRate rate(wait::ticks_per_second());
  const CircuitBreaker rules{50, 2, 60s, 1ms, false};
  layout::Word64 circuit{0};
  const auto state = [&] { return CircuitWord{circuit.load()}.state(); };
  for (int i = 0; i < 2; ++i) (void)policy::tell_circuit(circuit, rules, true, 0, rate);
  REQUIRE(state() == Circuit::open);
  nap(3ms);
  const auto trial = policy::ask_circuit(circuit, rules, true, rate);
  REQUIRE(trial.allowed);
  REQUIRE(trial.trial != 0);
  // Late outcomes, good and bad, and that of a trial that is over.
  for (const std::uint64_t other : {std::uint64_t{0}, std::uint64_t{trial.trial ^ (1ULL << 40U)}}) {
    for (const bool failed : {false, true}) {
      CHECK_FALSE(policy::tell_circuit(circuit, rules, failed, other, rate));
      CHECK(state() == Circuit::half_open);
    }
  }
  (void)policy::tell_circuit(circuit, rules, false, trial.trial, rate);
  CHECK(state() == Circuit::closed);
}

TEST_CASE("two threads take the turns of a rate: each turn once", "[policy]") {
  const wait::TickRate rate(wait::ticks_per_second());
  constexpr std::uint64_t interval = 16;
  constexpr std::uint64_t turns = 200'000;
  const std::uint64_t burst = rate.per_second() * 3600;
  // Ahead of the clock, so that only turns move it.
  const std::uint64_t first = wait::ticks() + rate.per_second() * 600;
  layout::Word64 arrival{first};
  std::vector<std::thread> threads;
  std::atomic<int> ready = 0;
  std::atomic<std::uint64_t> taken = 0;  // one that meets a rush is refused: no turn is lost
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      ++ready;
      while (ready != 2) std::this_thread::yield();
      std::uint64_t own = 0;
      for (std::uint64_t turn = 0; turn < turns; ++turn) {
        if (policy::take_turn(arrival, interval, burst, rate) == 0) ++own;
      }
      taken += own;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(arrival.load() == first + taken * interval);
  CHECK(taken > 2 * turns - turns / 100);
}

TEST_CASE("failures in several processes open the circuit for all, a good trial closes it",
          "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  constexpr std::uint32_t callers = 3;
  Shared<Tally> failing;
  std::vector<Child> peers;
  for (std::uint32_t i = 0; i < callers; ++i) {
    peers.push_back(caller_process(path.path(), *failing, Do::stall, 1ms, 5ms));
  }
  REQUIRE(eventually([&] { return failing->ready == callers; }, 20s));
  REQUIRE_OK(bus.set_policy("work", breaker(50, 12, 1s)));
  failing->go = true;
  REQUIRE(eventually([&] { return circuit(bus) == CircuitState::open; }, 20s));
  failing->stop = true;
  for (auto& peer : peers) CHECK(peer.wait() == 0);
  CHECK(failing->other >= 12);

  auto caller = caller_of(bus, "work");
  const auto refused = call(caller);
  REQUIRE(kind(refused) == ErrorKind::overloaded);
  CHECK(describe(refused).find("the policy of 'work' holds its circuit open") != std::string::npos);
  CHECK(refused.error().retry_after_ns > 0);
  CHECK(refused.error().retry_after_ns <= 1'000'000'000);
  CHECK(kind(caller.send(raw('a'))) == ErrorKind::overloaded);
  CHECK(bus.policy_status("work")->opened >= 1);

  // Open for a while longer, then one call on trial: two callers at once, one gets through.
  nap(1050ms);
  auto trial = caller.start(raw('s'), 0);
  REQUIRE_OK(trial);
  CHECK(circuit(bus) == CircuitState::half_open);
  CHECK(kind(caller.start(raw('a'), 0)) == ErrorKind::overloaded);
  CHECK_OK(trial->wait());
  CHECK(circuit(bus) == CircuitState::closed);
  for (int i = 0; i < 20; ++i) CHECK_OK(call(caller));
}

TEST_CASE("a trial that fails opens the circuit again", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  REQUIRE_OK(bus.set_policy("work", breaker(100, 3, 400ms)));
  for (int i = 0; i < 3; ++i) CHECK(kind(call(caller, Do::stall, 1ms)) == ErrorKind::timed_out);
  REQUIRE(circuit(bus) == CircuitState::open);
  nap(410ms);
  CHECK(kind(call(caller, Do::stall, 1ms)) == ErrorKind::timed_out);
  CHECK(circuit(bus) == CircuitState::open);
  CHECK(kind(call(caller)) == ErrorKind::overloaded);
  nap(410ms);
  CHECK_OK(call(caller));
  CHECK(circuit(bus) == CircuitState::closed);
}

TEST_CASE("a caller that is killed with its call on trial does not keep the circuit half open",
          "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  REQUIRE_OK(bus.set_policy("work", breaker(100, 3, 500ms)));
  for (int i = 0; i < 3; ++i) CHECK(kind(call(caller, Do::stall, 1ms)) == ErrorKind::timed_out);
  nap(510ms);
  Shared<Tally> tally;
  Child trier([&] {
    auto mine = Bus::open(path.path());
    auto theirs = mine->caller("work");
    auto one = theirs->start(raw('h'), 0);
    if (!one) return 1;
    tally->go = true;
    nap(60s);
    return 0;
  });
  REQUIRE(eventually([&] { return tally->go.load(); }));
  CHECK(circuit(bus) == CircuitState::half_open);
  CHECK(kind(call(caller)) == ErrorKind::overloaded);
  trier.kill();
  CHECK(eventually([&] { return call(caller, Do::answer, 2s).has_value(); }));
  CHECK(circuit(bus) == CircuitState::closed);
}

TEST_CASE("rejections are failures only for a breaker that counts them", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  REQUIRE_OK(bus.set_policy("work", breaker(50, 4, 10s)));
  for (int i = 0; i < 10; ++i) CHECK(kind(call(caller, Do::reject)) == ErrorKind::rejected);
  CHECK(circuit(bus) == CircuitState::closed);
  REQUIRE_OK(bus.set_policy("work", breaker(50, 5, 10s, true)));  // anew: nothing counted
  for (int i = 0; i < 5; ++i) CHECK(kind(call(caller, Do::reject)) == ErrorKind::rejected);
  CHECK(circuit(bus) == CircuitState::open);
}

TEST_CASE("a handler that dies opens the circuit, its successor closes it", "[policy]") {
  TempBus path;
  auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
  REQUIRE_OK(bus.set_policy("work", breaker(100, 1, 50ms)));
  auto pending = caller.start(raw('h'), 0);
  REQUIRE_OK(pending);
  nap(20ms);
  owner.kill();
  CHECK(kind(pending->wait()) == ErrorKind::handler_died_after_start);
  const auto next = worker_process(path.path());
  REQUIRE_OK(bus.wait_until_available("work", 10s));
  CHECK(eventually([&] { return call(caller, Do::answer, 5s).has_value(); }));
  CHECK(circuit(bus) == CircuitState::closed);
}
