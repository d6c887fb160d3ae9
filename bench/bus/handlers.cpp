// One caller and many handler processes, each with a name of its own: what the others cost while
// they sleep (handlers.N.idle), and what it costs to go round all of them (handlers.N.turns). And
// one that runs its handler on workers (workers.N).

#include <chrono>
#include <string>
#include <vector>

#include "bus/private_bus.hpp"
#include "bus/raw_echo.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;

struct HandlersPlan {
  unsigned handlers = 1;
  bool turns = false;  ///< each call goes to the next handler instead of the first
  std::uint32_t workers = 0;
};

std::string name_of(unsigned index) { return "bench.handler." + std::to_string(index); }

void call_role(RoleContext& context, const PrivateBus& place, const HandlersPlan& plan) {
  context.barrier();
  Bus bus = place.open();
  std::vector<RawCaller> callers;
  for (unsigned i = 0; i < (plan.turns ? plan.handlers : 1); ++i) {
    callers.push_back(value_of("caller", bus.caller(name_of(i))));
  }
  EchoCaller<kBytes> echo;
  measure_in_turn(context, callers, echo);
  context.report().operations = echo.count();
  context.ask_to_stop();
}

void handle_role(RoleContext& context, const PrivateBus& place, unsigned index,
                 std::uint32_t workers) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.workers = workers}));
  EchoServer<kBytes> echo;
  value_of("on",
           server.on(name_of(index), [&](Context& command) { return answer_echo(command, echo); }));
  context.barrier();
  while (!context.stop_asked()) {
    value_of("run", server.run_for(std::chrono::milliseconds(20)));
  }
  context.report().operations = echo.count();
}

RoundResult run_handlers(const RoundBudget& budget, const HandlersPlan& plan) {
  PrivateBus place({.participants = 128, .endpoints = 128});
  RoleGroup group(budget);
  group.add("caller", 0, [&](RoleContext& context) { call_role(context, place, plan); });
  for (unsigned i = 0; i < plan.handlers; ++i) {
    group.add("handler", 1,
              [&, i](RoleContext& context) { handle_role(context, place, i, plan.workers); });
  }
  RoundResult result = group.run(0);
  if (result.status != RoundResult::Status::ok) {
    return result;
  }
  std::uint64_t served = 0;
  for (unsigned i = 0; i < plan.handlers; ++i) {
    served += group.report(1 + i).operations;
  }
  if (served != group.report(0).operations) {
    return RoundResult::fail("not every call was served once");
  }
  return result;
}

}  // namespace

void register_bus_handlers(Registry& registry) {
  const auto add = [&](const std::string& kind, unsigned handlers, const std::string& ratio_to) {
    const HandlersPlan plan{.handlers = handlers, .turns = kind == "turns"};
    registry.add(
        {.name = "handlers." + std::to_string(handlers) + "." + kind,
         .payload = kBytes,
         .mode = "adaptive",
         .ratio_to = ratio_to,
         .tier = Tier::detail,
         .run_round = [plan](const RoundBudget& budget) { return run_handlers(budget, plan); }});
  };
  for (const std::uint32_t workers : {1U, 4U}) {
    const HandlersPlan plan{.workers = workers};
    registry.add(
        {.name = "workers." + std::to_string(workers),
         .payload = kBytes,
         .mode = "adaptive",
         .ratio_to = "call.blocking.40B",
         .tier = Tier::detail,
         .run_round = [plan](const RoundBudget& budget) { return run_handlers(budget, plan); }});
  }
  for (const unsigned handlers : {1U, 4U, 16U, 64U}) {
    add("idle", handlers, "call.adaptive.40B");
  }
  for (const unsigned handlers : {4U, 16U, 64U}) {
    add("turns", handlers, "call.blocking.40B");
  }
}

}  // namespace shmbus::bench
