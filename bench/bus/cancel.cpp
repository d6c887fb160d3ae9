// cancel_to_notice: how long after Pending::cancel() the deepest handler of three processes knows
// of it, when a handler called a handler that called a handler. The deepest asks its Context all
// the time; the two between wait for their answers in the default mode.

#include <atomic>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {
namespace {

constexpr int kCancels = 40;  // in a round
constexpr auto kPatience = std::chrono::seconds(10);
constexpr auto kTurn = std::chrono::milliseconds(20);

struct Stage {
  std::atomic<int> started{0};
  std::atomic<int> noticed{0};
  std::atomic<std::int64_t> noticed_at_ns{0};
};

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Status until_cancelled(const Context& command, Stage& stage) {
  stage.started.fetch_add(1, std::memory_order_release);
  const std::int64_t until = monotonic_ns() + std::chrono::nanoseconds(kPatience).count();
  while (!command.cancelled()) {
    if (monotonic_ns() > until) return Status::reject(2, "nobody cancelled it");
  }
  stage.noticed_at_ns.store(monotonic_ns(), std::memory_order_relaxed);
  stage.noticed.fetch_add(1, std::memory_order_release);
  return Status::reject(1, "cancelled");
}

void serve(RoleContext& context, Server& server) {
  context.barrier();
  while (!context.stop_asked()) {
    value_of("run", server.run_for(kTurn));
  }
}

void deep_role(RoleContext& context, const PrivateBus& place, Stage& stage) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve());
  value_of("on", server.on("bench.deep",
                           [&](Context& command) { return until_cancelled(command, stage); }));
  serve(context, server);
}

void between_role(RoleContext& context, const PrivateBus& place, const std::string& name,
                  const std::string& next) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve());
  auto caller = value_of("caller", bus.caller(next, {.when_vacant = WhenVacant::wait}));
  value_of("on", server.on(name, [&](Context&) {
    const auto reply = caller.call({}, {}, forever);
    return reply ? Status::ok() : Status::reject(reply.error().code);
  }));
  serve(context, server);
}

template <class Condition>
void wait_until(Condition condition, const char* what) {
  const std::int64_t until = monotonic_ns() + std::chrono::nanoseconds(kPatience).count();
  while (!condition()) {
    if (monotonic_ns() > until) throw std::runtime_error(what);
    usleep(50);
  }
}

void caller_role(RoleContext& context, const PrivateBus& place, Stage& stage) {
  Bus bus = place.open();
  context.barrier();
  for (const char* name : {"bench.front", "bench.middle", "bench.deep"}) {
    value_of("wait", bus.wait_until_available(name, kPatience));
  }
  auto caller = value_of("caller", bus.caller("bench.front"));
  RoleReport& report = context.report();
  for (int i = 0; i < kCancels; ++i) {
    auto pending = value_of("start", caller.start({}, 0, forever));
    wait_until([&] { return stage.started.load(std::memory_order_acquire) > i; },
               "the deepest handler was not reached");
    constexpr useconds_t kAsleepByUs = 1000;  // those between have stopped spinning
    constexpr useconds_t kApartUs = 137;
    usleep(kAsleepByUs + static_cast<useconds_t>(i) * kApartUs);
    const std::int64_t asked_ns = monotonic_ns();
    pending.cancel();
    wait_until([&] { return stage.noticed.load(std::memory_order_acquire) > i; },
               "the deepest handler was not told");
    const std::int64_t noticed_ns = stage.noticed_at_ns.load(std::memory_order_relaxed);
    report.latency.record(ns_to_ticks(static_cast<double>(noticed_ns - asked_ns)));
    (void)pending.wait();
  }
  report.value = ticks_to_ns(report.latency.quantile(0.5));
  context.ask_to_stop();
}

RoundResult run_cancels(const RoundBudget& budget) {
  PrivateBus place;
  SharedObject<Stage> stage;
  RoleGroup group(budget);
  group.add("caller", 0, [&](RoleContext& context) { caller_role(context, place, *stage); });
  group.add("deep", 1, [&](RoleContext& context) { deep_role(context, place, *stage); });
  group.add("middle", 0, [&](RoleContext& context) {
    between_role(context, place, "bench.middle", "bench.deep");
  });
  group.add("front", 0, [&](RoleContext& context) {
    between_role(context, place, "bench.front", "bench.middle");
  });
  return group.run(0);
}

}  // namespace

void register_bus_cancel(Registry& registry) {
  registry.add({.name = "cancel_to_notice",
                .payload = 0,
                .mode = "adaptive",
                .ratio_to = {},
                .tier = Tier::headline,
                .run_round = run_cancels});
}

}  // namespace shmbus::bench
