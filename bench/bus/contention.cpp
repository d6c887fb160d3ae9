// Many callers and handlers share two cores: does a side that spins keep the core from the one it
// waits for? Calls per second of all together, the latency of each, and how evenly the callers were
// served. Handlers and callers are a process each; caller i calls handler i modulo their number.

#include <sched.h>

#include <algorithm>
#include <array>
#include <stop_token>
#include <string>

#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;

struct Crowding {
  unsigned callers = 8;
  unsigned handlers = 4;
  WaitMode wait = WaitMode::adaptive;
  double measure_ns = 200e6;  ///< many turns of every process on its core
};
enum class Wanted { rate, fairness };

std::string name_of(unsigned handler) { return "bench.echo." + std::to_string(handler); }

// The kernel places the processes, on two cores at most.
void use_two_cores() {
  cpu_set_t allowed;
  cpu_set_t two;
  CPU_ZERO(&two);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return;
  }
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&two) < 2; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) {
      CPU_SET(cpu, &two);
    }
  }
  sched_setaffinity(0, sizeof two, &two);
}

void call_role(RoleContext& context, const PrivateBus& place, unsigned handler, WaitMode wait) {
  use_two_cores();
  context.barrier();
  Bus bus = place.open();
  auto caller = value_of("caller", bus.caller(name_of(handler), {.wait = wait}));
  EchoCaller<kBytes> echo;
  std::array<std::byte, kBytes> request;
  std::array<std::byte, kBytes> reply;
  const auto call = [&] {
    echo.fill(request.data());
    value_of("call", caller.call(request, reply));
    echo.check(reply.data());
  };
  context.barrier();
  RoleReport& report = context.report();
  const Ticks start = now_ticks();
  const Ticks warm_end = start + ns_to_ticks(context.budget().warmup_ns);
  const Ticks end = warm_end + ns_to_ticks(context.budget().measure_ns);
  for (Ticks now = start; now < end;) {
    call();
    const Ticks done = now_ticks();
    if (now >= warm_end) {
      report.latency.record(done - now);
    }
    now = done;
  }
  report.operations = echo.count();
  echo.fill_end(request.data());
  value_of("call", caller.call(request, reply));
}

void serve_role(RoleContext& context, const PrivateBus& place, unsigned handler,
                const Crowding& plan) {
  use_two_cores();
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.wait = plan.wait}));
  std::stop_source stop;
  std::uint64_t served = 0;
  unsigned callers_left = plan.callers / plan.handlers;
  value_of("on", server.on(name_of(handler), [&](Context& command) {
    const auto request = command.request();
    const auto reply = command.reply_buffer(kBytes);
    if (request.size() != kBytes || reply.size() != kBytes) {
      return Status::reject(1, "a wrong size");
    }
    EchoServer<kBytes> echo;
    echo.take(request.data());
    echo.reply(reply.data());
    if (!echo.ended()) [[likely]] {
      ++served;
    } else if (--callers_left == 0) {
      stop.request_stop();
    }
    return Status::ok();
  }));
  context.barrier();
  context.barrier();
  value_of("run", server.run(stop.get_token()));
  context.report().operations = served;
}

RoundResult run_crowd(const RoundBudget& given, const Crowding& plan, Wanted wanted) {
  RoundBudget budget = given;
  budget.measure_ns = std::max(budget.measure_ns, plan.measure_ns);
  PrivateBus place({.participants = 128, .lanes = 256});
  RoleGroup group(budget);
  for (unsigned i = 0; i < plan.handlers; ++i) {
    group.add("handler " + std::to_string(i), RoleGroup::kAnyCpu,
              [&, i](RoleContext& context) { serve_role(context, place, i, plan); });
  }
  for (unsigned i = 0; i < plan.callers; ++i) {
    group.add("caller " + std::to_string(i), RoleGroup::kAnyCpu, [&, i](RoleContext& context) {
      call_role(context, place, i % plan.handlers, plan.wait);
    });
  }
  RoundResult result = group.run(plan.handlers);
  if (result.status != RoundResult::Status::ok) {
    return result;
  }
  std::uint64_t served = 0;
  std::uint64_t called = 0;
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t most = 0;
  LatencyHistogram latency;
  for (unsigned i = 0; i < plan.handlers + plan.callers; ++i) {
    const RoleReport& report = group.report(i);
    if (i < plan.handlers) {
      served += report.operations;
      continue;
    }
    called += report.operations;
    least = std::min(least, report.latency.total());
    most = std::max(most, report.latency.total());
    latency.merge(report.latency);
  }
  if (served != called) {
    return RoundResult::fail("called " + std::to_string(called) + " times but served " +
                             std::to_string(served));
  }
  result.core_wait_ns = 0;  // they wait for each other's core: that is what is measured
  if (wanted == Wanted::fairness) {
    result.value = most > 0 ? static_cast<double>(least) / static_cast<double>(most) : 0;
    result.latency.reset();
    return result;
  }
  result.value = static_cast<double>(latency.total()) * 1e9 / budget.measure_ns;
  result.latency = latency;
  return result;
}

struct Row {
  std::string name;
  const char* mode;
  std::string ratio_to{};
  Tier tier = Tier::detail;
};

void add(Registry& registry, const Row& row, const Crowding& plan, Wanted wanted = Wanted::rate) {
  registry.add(
      {.name = row.name,
       .payload = kBytes,
       .mode = row.mode,
       .unit = wanted == Wanted::rate ? Unit::per_second : Unit::count,
       .ratio_to = row.ratio_to,
       .tier = row.tier,
       .run_round = [=](const RoundBudget& budget) { return run_crowd(budget, plan, wanted); },
       .rounds_max = 7});
}

}  // namespace

void register_bus_contention(Registry& registry) {
  add(registry, {"contention.8c4h.blocking", "block"}, {.wait = WaitMode::blocking});
  add(registry, {"contention.8c4h", "adaptive", "contention.8c4h.blocking"}, {});

  constexpr double long_ns = 1e9;  // 80 processes have a turn on two cores
  const Crowding pair{.callers = 1, .handlers = 1};
  const Crowding many{.callers = 64, .handlers = 16, .measure_ns = long_ns};
  Crowding blocking = many;
  blocking.wait = WaitMode::blocking;
  add(registry, {"contention.1c1h", "adaptive"}, pair);
  add(registry, {"contention.64c16h", "adaptive", "contention.1c1h"}, many);
  add(registry, {"contention.64c16h.blocking", "block", "contention.1c1h"}, blocking);
  add(registry, {"contention.64c16h.fairness", "adaptive"}, many, Wanted::fairness);
}

}  // namespace shmbus::bench
