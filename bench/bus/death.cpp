// death_to_notice: how long after SIGKILL the caller is told whose command the handler was running.
// The caller waits in the default mode. It is killed at a different moment of the caller's sleep
// each time.

#include <array>
#include <ctime>
#include <memory>
#include <string>

#include "bus/child_program.hpp"
#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"
#include "peers/daemon_process.hpp"

namespace shmbus::bench {
namespace {

constexpr int kDeaths = 8;  // in a round
constexpr auto kPatience = std::chrono::seconds(10);

struct Stage {
  std::atomic<std::int64_t> killed_at_ns{0};
  std::atomic<int> told{0};
};

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Starts a handler, waits until it runs the command, kills it.
void kill_handlers(RoleContext& context, const PrivateBus& place, Stage& stage) {
  const std::string program = sibling_program("shmbus_bench_probe");
  context.barrier();
  for (int death = 0; death < kDeaths; ++death) {
    ChildProgram handler({program, "hang", place.path()});
    (void)handler.read_line();
    constexpr useconds_t kAsleepByUs = 2000;  // the caller's spin is over
    constexpr useconds_t kApartUs = 1370;     // falls on every part of its 10 ms slices
    usleep(kAsleepByUs + static_cast<useconds_t>(death) * kApartUs);
    stage.killed_at_ns.store(monotonic_ns(), std::memory_order_release);
    handler.kill();
    while (stage.told.load(std::memory_order_acquire) == death) {
      usleep(100);
    }
  }
}

void call_them(RoleContext& context, const PrivateBus& place, Stage& stage) {
  Bus bus = place.open();
  auto caller = value_of("caller", bus.caller("bench.hang"));
  RoleReport& report = context.report();
  context.barrier();
  for (int death = 0; death < kDeaths; ++death) {
    value_of("wait", bus.wait_until_available("bench.hang", kPatience));
    const auto reply = caller.call({}, {}, kPatience);
    const std::int64_t told_ns = monotonic_ns();
    if (reply || reply.error().kind != ErrorKind::handler_died_after_start) {
      throw std::runtime_error("the caller was told '" +
                               std::string(reply ? "ok" : to_string(reply.error().kind)) + "'");
    }
    const std::int64_t killed_ns = stage.killed_at_ns.load(std::memory_order_acquire);
    report.latency.record(ns_to_ticks(static_cast<double>(told_ns - killed_ns)));
    stage.told.store(death + 1, std::memory_order_release);
  }
  report.value = ticks_to_ns(report.latency.quantile(0.5));
}

RoundResult run_deaths(const RoundBudget& budget, bool with_daemon) {
  PrivateBus place;
  std::unique_ptr<DaemonProcess> daemon;
  if (with_daemon) {
    const std::string program = sibling_program("shmbusd");
    if (access(program.c_str(), X_OK) != 0) {
      return RoundResult::skip("shmbusd is not in the folder of this program");
    }
    daemon = std::make_unique<DaemonProcess>(
        std::vector<std::string>{program, "--bus", place.path()}, "ready");
  }
  SharedObject<Stage> stage;
  RoleGroup group(budget);
  group.add("caller", 0, [&](RoleContext& context) { call_them(context, place, *stage); });
  group.add("keeper", 1, [&](RoleContext& context) { kill_handlers(context, place, *stage); });
  return group.run(0);
}

void add(Registry& registry, const std::string& name, bool with_daemon) {
  registry.add({.name = name,
                .payload = 0,
                .mode = "adaptive",
                .ratio_to = {},
                .tier = Tier::headline,
                .run_round = [with_daemon](const RoundBudget& budget) {
                  return run_deaths(budget, with_daemon);
                }});
}

}  // namespace

void register_bus_death(Registry& registry) {
  add(registry, "death_to_notice.daemon", true);
  add(registry, "death_to_notice.alone", false);
}

}  // namespace shmbus::bench
