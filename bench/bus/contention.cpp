// Eight callers and four handlers share two cores: does a side that spins keep the core from the
// one it waits for? Calls per second of all together, and the latency of each.

#include <sched.h>

#include <stop_token>
#include <string>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;
constexpr unsigned kHandlers = 4;
constexpr unsigned kCallers = 8;

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

void serve_role(RoleContext& context, const PrivateBus& place, unsigned handler, WaitMode wait) {
  use_two_cores();
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.wait = wait}));
  std::stop_source stop;
  std::uint64_t served = 0;
  unsigned callers_left = kCallers / kHandlers;
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

RoundResult run_contention(const RoundBudget& given, WaitMode wait) {
  constexpr double kMeasureNs = 200e6;  // many turns of every process on its core
  RoundBudget budget = given;
  budget.measure_ns = std::max(budget.measure_ns, kMeasureNs);
  PrivateBus place;
  RoleGroup group(budget);
  for (unsigned i = 0; i < kHandlers; ++i) {
    group.add("handler " + std::to_string(i), RoleGroup::kAnyCpu,
              [&, i](RoleContext& context) { serve_role(context, place, i, wait); });
  }
  for (unsigned i = 0; i < kCallers; ++i) {
    group.add("caller " + std::to_string(i), RoleGroup::kAnyCpu,
              [&, i](RoleContext& context) { call_role(context, place, i % kHandlers, wait); });
  }
  RoundResult result = group.run(kHandlers);
  if (result.status != RoundResult::Status::ok) {
    return result;
  }
  std::uint64_t served = 0;
  std::uint64_t called = 0;
  LatencyHistogram latency;
  for (unsigned i = 0; i < kHandlers + kCallers; ++i) {
    (i < kHandlers ? served : called) += group.report(i).operations;
    latency.merge(group.report(i).latency);
  }
  if (served != called) {
    return RoundResult::fail("called " + std::to_string(called) + " times but served " +
                             std::to_string(served));
  }
  result.value = static_cast<double>(latency.total()) * 1e9 / budget.measure_ns;
  result.latency = latency;
  result.core_wait_ns = 0;  // they wait for each other's core: that is what is measured
  return result;
}

void add(Registry& registry, const std::string& name, const char* mode, const std::string& ratio_to,
         WaitMode wait) {
  registry.add(
      {.name = name,
       .payload = kBytes,
       .mode = mode,
       .unit = Unit::per_second,
       .ratio_to = ratio_to,
       .tier = Tier::detail,
       .run_round = [wait](const RoundBudget& budget) { return run_contention(budget, wait); },
       .rounds_max = 7});
}

}  // namespace

void register_bus_contention(Registry& registry) {
  add(registry, "contention.8c4h.blocking", "block", "", WaitMode::blocking);
  add(registry, "contention.8c4h", "adaptive", "contention.8c4h.blocking", WaitMode::adaptive);
}

}  // namespace shmbus::bench
