// floor.pace: what it takes to wake up every 0.8 ms by a timer and to wake another process each
// time, with nothing else to do. cpu_at_120k is this and 96 commands each time.

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "harness/measure.hpp"
#include "harness/pace.hpp"
#include "harness/shared_mapping.hpp"
#include "suites.hpp"

namespace shmbus::bench {
namespace {

constexpr std::uint32_t kEnd = ~0U;

struct Bell {
  alignas(128) std::atomic<std::uint32_t> rung{0};
};

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) noexcept {
  return syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

void ring(Bell& bell, std::uint32_t value) noexcept {
  bell.rung.store(value, std::memory_order_release);
  futex(bell.rung, FUTEX_WAKE, 1);
}

/// Runs `work` and leaves its share of a core, in percent, in the report.
template <class Work>
void measure_share(RoleContext& context, Work work) {
  const double cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  const double wall = clock_ns(CLOCK_MONOTONIC);
  work();
  context.report().value =
      100 * (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (clock_ns(CLOCK_MONOTONIC) - wall);
}

void ring_at_intervals(RoleContext& context, Bell& bell) {
  const double start = clock_ns(CLOCK_MONOTONIC);
  const double end = start + context.budget().measure_ns;
  std::uint32_t rung = 0;
  for (double at = start + kPaceIntervalNs; at < end; at += kPaceIntervalNs) {
    sleep_until(at);
    ring(bell, ++rung);
  }
  ring(bell, kEnd);
}

void answer_each(Bell& bell) {
  std::uint32_t seen = 0;
  while (seen != kEnd) {
    const std::uint32_t now = bell.rung.load(std::memory_order_acquire);
    if (now == seen) {
      futex(bell.rung, FUTEX_WAIT, seen);
    }
    seen = now;
  }
}

RoundResult run_pace(const RoundBudget& given) {
  RoundBudget budget = given;
  budget.measure_ns = std::max(budget.measure_ns, kPaceMeasureNs);
  SharedObject<Bell> bell;
  RoleGroup group(budget);
  group.add("ringer", 0, [&](RoleContext& context) {
    context.barrier();
    measure_share(context, [&] { ring_at_intervals(context, *bell); });
  });
  group.add("woken", 1, [&](RoleContext& context) {
    context.barrier();
    measure_share(context, [&] { answer_each(*bell); });
  });
  RoundResult result = group.run(1);
  if (result.status == RoundResult::Status::ok) {
    result.value = group.report(0).value + group.report(1).value;
  }
  return result;
}

}  // namespace

void register_floor_pace(Registry& registry) {
  registry.add({.name = "floor.pace",
                .payload = 0,
                .mode = "block",
                .unit = Unit::percent,
                .ratio_to = {},
                .tier = Tier::headline,
                .run_round = run_pace,
                .rounds_max = 7});
}

}  // namespace shmbus::bench
