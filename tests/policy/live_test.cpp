// A policy reaches callers that are at work in other processes, with their next call; what callers
// of several processes share holds for all of them together.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "policy/policy_process.hpp"

using namespace shmbus;
using namespace shmbus::test;
using namespace std::chrono_literals;

TEST_CASE("a policy reaches a caller in another process with its next call", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  Shared<Tally> tally;
  auto peer = caller_process(path.path(), *tally);
  REQUIRE(eventually([&] { return tally->ready == 1; }));
  tally->go = true;
  std::vector<std::int64_t> latencies;
  for (int round = 0; round < 20; ++round) {
    REQUIRE(eventually([&, seen = tally->ok.load()] { return tally->ok > seen + 50; }));
    tally->first_refusal_ns = 0;
    const std::int64_t began = now_ns();
    REQUIRE_OK(bus.set_policy("work", {.deny = true}));
    const std::int64_t set = now_ns();
    REQUIRE(eventually([&] { return tally->first_refusal_ns != 0; }));
    // What was under way when it was set may end well; the next is refused.
    const auto ended = tally->ok.load();
    REQUIRE(eventually(
        [&, seen = tally->not_permitted.load()] { return tally->not_permitted > seen + 10; }));
    CHECK(tally->ok == ended);
    latencies.push_back(tally->first_refusal_ns - began);
    INFO("set_policy took " << set - began << " ns");
    REQUIRE_OK(bus.clear_policy("work"));
  }
  std::sort(latencies.begin(), latencies.end());
  std::printf("policy.reaches_caller_ns min %lld p50 %lld max %lld (from before set_policy)\n",
              static_cast<long long>(latencies.front()),
              static_cast<long long>(latencies[latencies.size() / 2]),
              static_cast<long long>(latencies.back()));
  CHECK(latencies[latencies.size() / 2] < 50'000'000);
  CHECK(tally->other == 0);
  tally->stop = true;
  CHECK(peer.wait() == 0);
}

TEST_CASE("a rate limit holds over several processes together", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  Shared<Tally> tally;
  std::vector<Child> peers;
  constexpr std::uint32_t callers = 3;
  for (std::uint32_t i = 0; i < callers; ++i) {
    peers.push_back(caller_process(path.path(), *tally, Do::answer, default_timeout, 50us));
  }
  REQUIRE(eventually([&] { return tally->ready == callers; }, 20s));
  constexpr std::uint32_t rate = 500;
  constexpr std::uint32_t burst = 10;
  REQUIRE_OK(bus.set_policy("work", {.rate = {.commands = rate, .per = 1s, .burst = burst}}));
  const std::int64_t began = now_ns();
  tally->go = true;
  nap(1500ms);
  tally->stop = true;
  for (auto& peer : peers) CHECK(peer.wait() == 0);
  const double seconds = static_cast<double>(now_ns() - began) / 1e9;
  const auto allowed = tally->ok.load();
  std::printf("policy.rate %u/s burst %u, %u processes: %llu in %.3f s, %llu refused\n", rate,
              burst, callers, static_cast<unsigned long long>(allowed), seconds,
              static_cast<unsigned long long>(tally->overloaded.load()));
  // Never more than the rate allows. Fewer only if callers did not come: they ask every 50 us.
  CHECK(static_cast<double>(allowed) <= rate * seconds + burst + 1);
  CHECK(static_cast<double>(allowed) >= 0.3 * rate * 1.5);
  CHECK(tally->overloaded > 0);
  CHECK(tally->other == 0);
  CHECK(bus.policy_status("work")->over_rate == tally->overloaded);
}

TEST_CASE("commands of several processes are limited together, by no more than they are",
          "[policy]") {
  TempBus path;
  // Two workers' worth of commands may be under way: the third process is refused now and then.
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  constexpr std::uint32_t callers = 3;
  constexpr std::uint32_t limit = 2;
  Shared<Tally> tally;
  std::vector<Child> peers;
  for (std::uint32_t i = 0; i < callers; ++i) {
    peers.push_back(caller_process(path.path(), *tally, Do::stall, 5s, 1ms));
  }
  REQUIRE(eventually([&] { return tally->ready == callers; }, 20s));
  REQUIRE_OK(bus.set_policy("work", {.outstanding = limit}));
  tally->go = true;
  std::uint32_t most = 0;
  for (int i = 0; i < 200; ++i) {
    most = std::max(most, bus.policy_status("work")->outstanding);
    nap(3ms);
  }
  tally->stop = true;
  for (auto& peer : peers) CHECK(peer.wait() == 0);
  // Those who decide at one moment may be one more each: callers - 1.
  CHECK(most <= limit + callers - 1);
  CHECK(tally->overloaded > 0);
  CHECK(tally->ok > 0);
  CHECK(tally->other == 0);
  CHECK(bus.policy_status("work")->outstanding == 0);
}

TEST_CASE("watches and handles take no notice of a policy", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto watch = bus.watch({"work"});
  REQUIRE_OK(watch);
  std::size_t told = 0;
  REQUIRE_OK(watch->poll([&](const NameChange&) { ++told; }));
  CHECK(told == 1);
  REQUIRE_OK(bus.set_policy("work", {.deadline = 1s}));
  REQUIRE_OK(watch->poll([&](const NameChange&) { ++told; }));
  CHECK(told == 1);
}
