// Calls: by value and with loaned memory, in each way of waiting, paced, with handlers that work.

#include <string>

#include "bus/echo.hpp"
#include "bus/rows.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kSmall = 40;
constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

struct Row {
  std::string name;
  const char* mode;
  std::string ratio_to;
  Tier tier;
};

template <std::size_t Bytes>
void add(Registry& registry, const Row& row, const EchoPlan& plan) {
  registry.add({.name = row.name,
                .payload = Bytes,
                .mode = row.mode,
                .ratio_to = row.ratio_to,
                .tier = row.tier,
                .run_round = [plan](const RoundBudget& budget) {
                  return run_bus_echo<Bytes>(budget, plan);
                }});
}

void add_small(Registry& registry) {
  add<kSmall>(registry, {"call.hot.40B", "spin", "floor.line", Tier::headline}, {});
  add<kSmall>(registry, {"call.global.40B", "spin", "floor.line", Tier::headline},
              {.order = Order::global});
  add<kSmall>(registry, {"call.adaptive.40B", "adaptive", "call.hot.40B", Tier::headline},
              {.wait = WaitMode::adaptive});
  add<kSmall>(registry, {"call.blocking.40B", "block", "floor.futex", Tier::headline},
              {.wait = WaitMode::blocking});
  add<8>(registry, {"call.hot.8B", "spin", "floor.line", Tier::detail}, {});
  add<256>(registry, {"call.hot.256B", "spin", "floor.line", Tier::detail}, {});
}

void add_large(Registry& registry) {
  const Capacities large{.extents = 32, .extent_bytes = kMiB};
  add<kKiB>(registry, {"call.1KiB", "spin", "floor.1KiB", Tier::headline}, {});
  add<64 * kKiB>(registry, {"call.64KiB", "spin", "floor.64KiB", Tier::headline}, {});
  add<4 * kMiB>(registry, {"call.4MiB", "spin", "floor.4MiB", Tier::headline},
                {.capacities = large});
}

// Late calls count from when they were due.
void add_paced(Registry& registry) {
  add<kSmall>(registry, {"call.hot.paced", "spin", "floor.line.paced_100k", Tier::detail},
              {.paced_per_second = 100e3});
  add<kSmall>(registry, {"call.adaptive.paced_100k", "adaptive", "call.hot.paced", Tier::detail},
              {.wait = WaitMode::adaptive, .paced_per_second = 100e3});
  add<kSmall>(registry, {"call.adaptive.paced_10k", "adaptive", "", Tier::detail},
              {.wait = WaitMode::adaptive, .paced_per_second = 10e3});
  add<kSmall>(registry, {"call.adaptive.paced_1k", "adaptive", "", Tier::detail},
              {.wait = WaitMode::adaptive, .paced_per_second = 1e3});
  add<kSmall>(registry, {"call.blocking.paced_1k", "block", "", Tier::detail},
              {.wait = WaitMode::blocking, .paced_per_second = 1e3});
}

// The work is part of the figure.
void add_work(Registry& registry) {
  struct Work {
    const char* name;
    double ns;
  };
  for (const Work& work :
       {Work{"0", 0}, Work{"200ns", 200}, Work{"1us", 1e3}, Work{"10us", 10e3}}) {
    const std::string suffix = std::string("work_") + work.name;
    add<kSmall>(registry, {"call.hot." + suffix, "spin", "", Tier::detail}, {.work_ns = work.ns});
    add<kSmall>(registry,
                {"call.adaptive." + suffix, "adaptive", "call.hot." + suffix, Tier::detail},
                {.wait = WaitMode::adaptive, .work_ns = work.ns});
  }
}

// What a policy costs. Unset: another name has one. The limits are never reached.
void add_policies(Registry& registry) {
  const auto with = [&](const char* name, const Policy& policy, const char* of, Tier tier) {
    add<kSmall>(registry, {std::string("policy.") + name, "spin", "call.hot.40B", tier},
                {.policy = policy, .policy_of = of});
  };
  const std::string_view echo = Echo<kSmall>::name.text;
  constexpr std::uint32_t no_limit = 50'000'000;
  const RateLimit rate{.commands = no_limit, .burst = 1'000'000};
  const CircuitBreaker breaker{.failure_percent = 50};
  with("unset", {.rate = rate}, "bench.another", Tier::headline);
  with("set", {.deadline = std::chrono::seconds(1), .rate = rate, .breaker = breaker}, echo.data(),
       Tier::headline);
  with("set.rate", {.rate = rate}, echo.data(), Tier::detail);
  with("set.breaker", {.breaker = breaker}, echo.data(), Tier::detail);
  with("set.per_caller", {.outstanding_per_caller = 32}, echo.data(), Tier::detail);
  with("set.in_all", {.outstanding = 1000}, echo.data(), Tier::detail);
}

// What it costs that a name is a group's: one member, so that nothing else differs.
void add_groups(Registry& registry) {
  add<kSmall>(registry, {"group.pinned", "spin", "call.hot.40B", Tier::detail},
              {.sharing = Sharing::group, .in_group = InGroup::pinned});
  add<kSmall>(registry, {"group.least_busy", "spin", "call.hot.40B", Tier::detail},
              {.sharing = Sharing::group, .in_group = InGroup::least_busy});
}

}  // namespace

void register_bus_calls(Registry& registry) {
  add_small(registry);
  add_large(registry);
  add_paced(registry);
  add_work(registry);
  add_policies(registry);
  add_groups(registry);
}

}  // namespace shmbus::bench
