// What a call costs when there is more of everything: names, callers that do nothing.

#include <array>
#include <string>
#include <vector>

#include "bus/echo.hpp"
#include "bus/raw_echo.hpp"
#include "bus/rows.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;

std::string name_of(unsigned index) { return "bench.name." + std::to_string(index); }

// Every name has a handler and a handle of its own; calls go round.
void call_names(RoleContext& context, const PrivateBus& place, unsigned names) {
  context.barrier();
  Bus bus = place.open();
  std::vector<RawCaller> callers;
  for (unsigned i = 0; i < names; ++i) {
    callers.push_back(value_of("caller", bus.caller(name_of(i), {.wait = WaitMode::spinning})));
  }
  EchoCaller<kBytes> echo;
  measure_in_turn(context, callers, echo);
  std::array<std::byte, kBytes> request;
  std::array<std::byte, kBytes> reply;
  echo.fill_end(request.data());
  value_of("call", callers.front().call(request, reply));
  context.report().operations = echo.count();
}

void serve_names(RoleContext& context, const PrivateBus& place, unsigned names) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.wait = WaitMode::spinning}));
  std::stop_source stop;
  EchoServer<kBytes> echo;
  for (unsigned i = 0; i < names; ++i) {
    value_of("on", server.on(name_of(i), [&](Context& command) {
      const Status status = answer_echo(command, echo);
      if (echo.ended()) [[unlikely]] {
        stop.request_stop();
      }
      return status;
    }));
  }
  context.barrier();
  value_of("run", server.run(stop.get_token()));
  context.report().operations = echo.count() - 1;
}

RoundResult run_names(const RoundBudget& budget, unsigned names) {
  PrivateBus place({.names = 1024});
  RoleGroup group(budget);
  group.add("caller", 0, [&](RoleContext& context) { call_names(context, place, names); });
  group.add("handler", 1, [&](RoleContext& context) { serve_names(context, place, names); });
  RoundResult result = group.run(0);
  if (result.status == RoundResult::Status::ok &&
      group.report(0).operations != group.report(1).operations) {
    return RoundResult::fail("not every call was served once");
  }
  return result;
}

EchoPlan with_idle(std::uint32_t callers, std::uint32_t hot_lanes = 8) {
  return {.capacities = {.lanes = 1024}, .hot_lanes = hot_lanes, .idle_callers = callers};
}

// Nanoseconds that each idle caller adds to everybody's call.
RoundResult run_idle_each(const RoundBudget& budget) {
  constexpr std::uint32_t kCallers = 100;
  RoundBudget half = budget;
  half.measure_ns /= 2;
  const RoundResult alone = run_bus_echo<kBytes>(half, with_idle(0));
  RoundResult crowded = run_bus_echo<kBytes>(half, with_idle(kCallers));
  if (alone.status != RoundResult::Status::ok || crowded.status != RoundResult::Status::ok) {
    return alone.status != RoundResult::Status::ok ? alone : crowded;
  }
  RoundResult result = RoundResult::of((crowded.value - alone.value) / kCallers);
  result.core_wait_ns = alone.core_wait_ns + crowded.core_wait_ns;
  return result;
}

void add(Registry& registry, const std::string& name, const std::string& ratio_to, Tier tier,
         std::function<RoundResult(const RoundBudget&)> run) {
  registry.add({.name = name,
                .payload = kBytes,
                .mode = "spin",
                .ratio_to = ratio_to,
                .tier = tier,
                .run_round = std::move(run)});
}

}  // namespace

void register_bus_scale(Registry& registry) {
  for (const unsigned names : {1U, 10U, 100U, 1000U}) {
    add(registry, "names." + std::to_string(names), "call.hot.40B",
        names == 1000 ? Tier::headline : Tier::detail,
        [names](const RoundBudget& budget) { return run_names(budget, names); });
  }
  const auto idle = [](const EchoPlan& plan) {
    return [plan](const RoundBudget& budget) { return run_bus_echo<kBytes>(budget, plan); };
  };
  for (const std::uint32_t callers : {8U, 64U, 100U, 500U}) {
    add(registry, "idle_callers." + std::to_string(callers), "call.hot.40B",
        callers == 100 ? Tier::headline : Tier::detail, idle(with_idle(callers)));
  }
  add(registry, "idle_callers.100.each", "", Tier::headline, run_idle_each);
  for (const std::uint32_t hot : {1U, 8U, 32U}) {
    add(registry, "design.hot_lanes." + std::to_string(hot) + ".idle32", "call.hot.40B",
        Tier::detail, idle(with_idle(32, hot)));
  }
}

}  // namespace shmbus::bench
