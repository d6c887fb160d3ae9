#include "bus/fan_in.hpp"

#include <algorithm>
#include <stop_token>
#include <string>

#include "bus/commands.hpp"
#include "bus/fan_in_sink.hpp"
#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = kFanInBytes;

// Callers that share a core take turns of some milliseconds: shorter windows would count turns.
constexpr double kFairWindowNs = 250e6;
constexpr unsigned kHandlerCpu = 1;

// The handler's core is its own as far as there are others.
int cpu_of(unsigned producer) {
  const auto others = static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN) - 1));
  const unsigned index = producer % others;
  return static_cast<int>(index < kHandlerCpu ? index : index + 1);
}

void produce_role(RoleContext& context, const PrivateBus& place, unsigned producer) {
  context.barrier();
  Bus bus = place.open();
  auto caller = value_of("caller", bus.caller<Note<kBytes>>());
  Block<kBytes> block;
  context.barrier();
  produce(context, [&](std::uint64_t sequence) {
    payload::write<kBytes>(block.bytes(), base_of(producer) + sequence);
    value_of("send", caller.send(block));
  });
  payload::write<kBytes>(block.bytes(), payload::kEndSeed);
  value_of("send", caller.send(block));
  value_of("flush", caller.flush());
}

void consume_role(RoleContext& context, const PrivateBus& place, const FanInPlan& plan,
                  FanInFigure figure) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.order = plan.order, .hot_lanes = plan.hot_lanes}));
  std::stop_source stop;
  std::exception_ptr lost;
  std::optional<FanInSink> sink;
  value_of("on", server.on<Note<kBytes>>([&](const Block<kBytes>& block) {
    try {
      if (!sink->take(block)) [[unlikely]] {
        stop.request_stop();
      }
    } catch (const std::exception&) {
      lost = std::current_exception();
      stop.request_stop();
    }
  }));
  context.barrier();
  context.barrier();
  sink.emplace(plan.producers, context.budget());
  value_of("run", server.run(stop.get_token()));
  if (lost) {
    std::rethrow_exception(lost);
  }
  context.report().operations = sink->total();
  context.report().value = sink->figure(figure);
}

void add(Registry& registry, const std::string& name, Tier tier, const FanInPlan& plan) {
  registry.add({.name = name,
                .payload = kBytes,
                .mode = "adaptive",
                .unit = Unit::per_second,
                .ratio_to = "oneway.1p.32B",
                .tier = tier,
                .run_round = [plan](const RoundBudget& budget) {
                  return run_fan_in(budget, plan, FanInFigure::rate);
                }});
}

void add_fairness(Registry& registry, const std::string& name, Tier tier, const FanInPlan& plan) {
  registry.add({.name = name + ".fairness",
                .payload = kBytes,
                .mode = "adaptive",
                .unit = Unit::count,
                .ratio_to = {},
                .tier = tier,
                .run_round =
                    [plan](const RoundBudget& budget) {
                      RoundBudget longer = budget;
                      longer.measure_ns = std::max(budget.measure_ns, kFairWindowNs);
                      return run_fan_in(longer, plan, FanInFigure::fairness);
                    },
                .rounds_max = 5});
}

}  // namespace

RoundResult run_fan_in(const RoundBudget& budget, const FanInPlan& plan, FanInFigure figure) {
  PrivateBus place;
  RoleGroup group(budget);
  group.add("handler", kHandlerCpu,
            [&](RoleContext& context) { consume_role(context, place, plan, figure); });
  for (unsigned i = 0; i < plan.producers; ++i) {
    group.add("producer " + std::to_string(i), cpu_of(i),
              [&, i](RoleContext& context) { produce_role(context, place, i); });
  }
  RoundResult result = group.run(0);
  if (result.status != RoundResult::Status::ok) {
    return result;
  }
  std::uint64_t sent = 0;
  for (unsigned i = 0; i < plan.producers; ++i) {
    sent += group.report(i + 1).operations;
  }
  if (sent != group.report(0).operations) {
    return RoundResult::fail("sent " + std::to_string(sent) + " but received " +
                             std::to_string(group.report(0).operations));
  }
  if (plan.producers >= static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN))) {
    result.core_wait_ns = 0;  // callers wait for each other's core: that is what is measured
  }
  return result;
}

void register_bus_fan_in(Registry& registry) {
  for (const unsigned producers : {1U, 2U, 4U, 8U, 16U}) {
    const bool headline = producers >= 2 && producers <= 8;
    const Tier tier = headline ? Tier::headline : Tier::detail;
    const std::string name = "fanin." + std::to_string(producers) + "p";
    const FanInPlan plan{.producers = producers};
    add(registry, name, tier, plan);
    if (producers > 1) {
      add_fairness(registry, name, tier, plan);
    }
  }
  add(registry, "fanin.4p.global", Tier::detail, {.producers = 4, .order = Order::global});
  for (const std::uint32_t hot : {1U, 4U, 8U, 16U}) {
    add(registry, "design.hot_lanes." + std::to_string(hot) + ".fanin8", Tier::detail,
        {.producers = 8, .hot_lanes = hot});
  }
}

}  // namespace shmbus::bench
