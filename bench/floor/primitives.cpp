// The cost of the instructions and system calls that the design weighs against each other, on one
// core.

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "harness/measure.hpp"
#include "suites.hpp"

namespace shmbus::bench {
namespace {

// Mean cost of one operation; batches long enough to hide the clock.
template <class Operation>
RoundResult run_primitive(const RoundBudget& budget, unsigned batch, Operation operation) {
  RoleGroup group(budget);
  group.add("self", 0, [&](RoleContext& context) {
    RoleReport& report = context.report();
    const Ticks end = now_ticks() + ns_to_ticks(context.budget().measure_ns / 4);
    do {
      const Ticks start = now_ticks();
      for (unsigned i = 0; i < batch; ++i) {
        operation();
      }
      report.add_block(ticks_to_ns(now_ticks() - start) / batch);
    } while (now_ticks() < end);
    report.value = report.typical_ns();
  });
  return group.run(0);
}

RoundResult run_rdtsc(const RoundBudget& budget) {
  return run_primitive(budget, 1000, [] {
    const Ticks ticks = now_ticks();
    asm volatile("" : : "r"(ticks));
  });
}

// On a line this core owns: what a seq_cst store costs beyond a plain one.
RoundResult run_xchg(const RoundBudget& budget) {
  return run_primitive(budget, 1000, [] {
    alignas(128) static std::atomic<std::uint64_t> word{0};
    word.exchange(1, std::memory_order_seq_cst);
  });
}

RoundResult run_pause(const RoundBudget& budget) {
  return run_primitive(budget, 1000, [] { spin_pause(); });
}

RoundResult run_syscall(const RoundBudget& budget) {
  return run_primitive(budget, 100, [] { syscall(SYS_getppid); });
}

// Once registered, the price of the asymmetric fence on its slow side.
RoundResult run_membarrier(const RoundBudget& budget) {
  return run_primitive(budget, 4, [] {
    static const bool registered =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
    if (!registered || syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) != 0) {
      throw Unavailable("the kernel refuses membarrier");
    }
  });
}

void add(Registry& registry, const char* name, RoundResult (*run)(const RoundBudget&)) {
  registry.add(
      {.name = name, .payload = 0, .mode = "one core", .tier = Tier::headline, .run_round = run});
}

}  // namespace

void register_floor_primitives(Registry& registry) {
  add(registry, "floor.rdtsc", run_rdtsc);
  add(registry, "floor.xchg", run_xchg);
  add(registry, "floor.pause", run_pause);
  add(registry, "floor.syscall", run_syscall);
  add(registry, "floor.membarrier", run_membarrier);
}

}  // namespace shmbus::bench
