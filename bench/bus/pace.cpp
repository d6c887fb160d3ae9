// cpu_at_120k: one caller has 120,000 one-way commands a second to send; how much of one core do
// both processes take together?
//
// Batched (the headline): the caller collects what came up for 0.8 ms, sends it with Notify::later,
// flushes and sleeps, which leaves 0.2 ms of the allowed millisecond for waking up. All of both
// processes' time counts. The other rows send each command when it is due. Pacing at 8 us apart is
// only possible by spinning, so there the caller's share is the time inside send() alone.

#include <ctime>
#include <optional>
#include <stop_token>
#include <string>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"
#include "harness/pace.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 32;
constexpr double kPerSecond = 120e3;
constexpr std::uint64_t kSampleEvery = 64;  // of which the latency is taken

struct PacePlan {
  bool batched = true;
  WaitMode handler = WaitMode::adaptive;
  bool latency = false;  ///< the figure is the added latency, not the CPU
};

// When the command with this number (from 1) is due.
double due_ns(double start_ns, std::uint64_t sequence) {
  return start_ns + static_cast<double>(sequence) * 1e9 / kPerSecond;
}

using Sender = Caller<Note<kBytes>>;

void send(Sender& caller, std::uint64_t seed, Notify notify) {
  Block<kBytes> block;
  payload::write<kBytes>(block.bytes(), seed);
  value_of("send", caller.send(block, notify));
}

std::uint64_t send_batched(Sender& caller, double start_ns, double end_ns) {
  std::uint64_t sequence = 0;
  for (double at = start_ns + kPaceIntervalNs; at < end_ns; at += kPaceIntervalNs) {
    sleep_until(at);
    const double now = clock_ns(CLOCK_MONOTONIC);
    while (due_ns(start_ns, sequence + 1) <= now) {
      send(caller, ++sequence, Notify::later);
    }
    value_of("flush", caller.flush());
  }
  return sequence;
}

/// Also adds up the time spent in send().
std::uint64_t send_each(Sender& caller, double start_ns, double end_ns, double& in_send_ns) {
  std::uint64_t sequence = 0;
  const auto count = static_cast<std::uint64_t>((end_ns - start_ns) * kPerSecond / 1e9);
  Ticks inside = 0;
  while (sequence < count) {
    while (clock_ns(CLOCK_MONOTONIC) < due_ns(start_ns, sequence + 1)) {
      spin_pause();
    }
    const Ticks before = now_ticks();
    send(caller, ++sequence, Notify::now);
    inside += now_ticks() - before;
  }
  in_send_ns = ticks_to_ns(inside);
  return sequence;
}

// Leaves the share of a core, in percent, in its report.
void produce_role(RoleContext& context, const PrivateBus& place, double& start_ns,
                  const PacePlan& plan) {
  context.barrier();
  Bus bus = place.open();
  auto caller = value_of("caller", bus.caller<Note<kBytes>>());
  start_ns = clock_ns(CLOCK_MONOTONIC) + 1e6;
  const double end_ns = start_ns + context.budget().measure_ns;
  context.barrier();
  const double cpu_before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  double used_ns = 0;
  if (plan.batched) {
    context.report().operations = send_batched(caller, start_ns, end_ns);
    used_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
  } else {
    context.report().operations = send_each(caller, start_ns, end_ns, used_ns);
  }
  context.report().value = 100 * used_ns / (clock_ns(CLOCK_MONOTONIC) - start_ns);
  send(caller, payload::kEndSeed, Notify::now);
}

void consume_role(RoleContext& context, const PrivateBus& place, const double& start_ns,
                  const PacePlan& plan) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.wait = plan.handler}));
  std::stop_source stop;
  StreamChecker<kBytes> checker;
  std::exception_ptr lost;
  value_of("on", server.on<Note<kBytes>>([&](const Block<kBytes>& block) {
    try {
      if (!checker.take(block.bytes())) [[unlikely]] {
        stop.request_stop();
      } else if (plan.latency && checker.count() % kSampleEvery == 0) {
        const double late = clock_ns(CLOCK_MONOTONIC) - due_ns(start_ns, checker.count());
        context.report().latency.record(ns_to_ticks(std::max(late, 0.0)));
      }
    } catch (const DataLost&) {
      lost = std::current_exception();
      stop.request_stop();
    }
  }));
  context.barrier();
  context.barrier();
  const double cpu_before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  const double wall_before = clock_ns(CLOCK_MONOTONIC);
  value_of("run", server.run(stop.get_token()));
  if (lost) {
    std::rethrow_exception(lost);
  }
  context.report().operations = checker.count();
  context.report().value = 100 * (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_before) /
                           (clock_ns(CLOCK_MONOTONIC) - wall_before);
}

RoundResult run_pace(const RoundBudget& given, const PacePlan& plan) {
  RoundBudget budget = given;
  budget.measure_ns = std::max(budget.measure_ns, kPaceMeasureNs);
  PrivateBus place({.cells_per_lane = 256});
  SharedObject<double> start_ns;
  RoleGroup group(budget);
  group.add("producer", 0,
            [&](RoleContext& context) { produce_role(context, place, *start_ns, plan); });
  group.add("handler", 1,
            [&](RoleContext& context) { consume_role(context, place, *start_ns, plan); });
  RoundResult result = group.run(1);
  if (result.status != RoundResult::Status::ok) {
    return result;
  }
  if (group.report(0).operations != group.report(1).operations) {
    return RoundResult::fail("not every command arrived once");
  }
  result.value = plan.latency ? ticks_to_ns(group.report(1).latency.quantile(0.5))
                              : group.report(0).value + group.report(1).value;
  return result;
}

void add(Registry& registry, const std::string& name, const char* mode, Tier tier,
         const PacePlan& plan) {
  registry.add({.name = name,
                .payload = kBytes,
                .mode = mode,
                .unit = plan.latency ? Unit::nanoseconds : Unit::percent,
                .ratio_to = plan.latency ? "" : "floor.pace",
                .tier = tier,
                .run_round = [plan](const RoundBudget& budget) { return run_pace(budget, plan); },
                .rounds_max = 7});
}

}  // namespace

void register_bus_pace(Registry& registry) {
  add(registry, "cpu_at_120k", "batched", Tier::headline, {});
  add(registry, "cpu_at_120k.latency", "batched", Tier::headline, {.latency = true});
  add(registry, "cpu_at_120k.wake_each", "block", Tier::headline,
      {.batched = false, .handler = WaitMode::blocking});
  add(registry, "cpu_at_120k.adaptive_each", "adaptive", Tier::detail, {.batched = false});
  add(registry, "cpu_at_120k.spinning", "spin", Tier::headline,
      {.batched = false, .handler = WaitMode::spinning});
}

}  // namespace shmbus::bench
