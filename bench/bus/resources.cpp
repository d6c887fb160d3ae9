// What a participant costs before and beside its calls: start-up, memory, allocations.

#include <algorithm>
#include <array>
#include <sstream>
#include <string>

#include "bus/child_program.hpp"
#include "bus/echo.hpp"
#include "bus/rows.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kBytes = 40;

// One run of the probe; the numbers of its one line.
template <std::size_t Count>
std::array<double, Count> ask_probe(const std::string& what, const PrivateBus& place) {
  ChildProgram probe({sibling_program("shmbus_bench_probe"), what, place.path()});
  std::istringstream line(probe.read_line());
  std::array<double, Count> numbers{};
  for (double& number : numbers) {
    line >> number;
  }
  if (!line || !probe.wait()) {
    throw std::runtime_error("shmbus_bench_probe " + what + " failed");
  }
  return numbers;
}

// From Bus::open to the first reply, or from fork() to knowing of it, in ever new processes.
RoundResult run_starts(const RoundBudget& budget, bool from_fork) {
  constexpr int kStartsMin = 5;
  const EchoPlan plan{.wait = WaitMode::adaptive};
  PrivateBus place;
  RoleGroup group(budget);
  group.add("starter", 0, [&](RoleContext& context) {
    context.barrier();
    RoleReport& report = context.report();
    const Ticks end = now_ticks() + ns_to_ticks(context.budget().measure_ns);
    for (int i = 0; i < kStartsMin || now_ticks() < end; ++i) {
      const Ticks start = now_ticks();
      const auto inside_ns = ask_probe<1>("first-reply", place);
      report.latency.record(from_fork ? now_ticks() - start : ns_to_ticks(inside_ns[0]));
      ++report.operations;
    }
    report.value = ticks_to_ns(report.latency.quantile(0.5));
    Bus bus = place.open();
    auto caller = value_of("caller", bus.caller<Echo<kBytes>>());
    EchoCaller<kBytes> echo;
    call_once<kBytes>(caller, echo, true);
  });
  group.add("handler", 1, [&](RoleContext& context) { serve_role<kBytes>(context, place, plan); });
  RoundResult result = group.run(0);
  if (result.status == RoundResult::Status::ok &&
      group.report(0).operations != group.report(1).operations) {
    return RoundResult::fail("not every first call was served once");
  }
  return result;
}

struct Memory {
  double segment;  ///< the default segment, whether its pages are in use or not
  double touched;  ///< of which are
  double own;      ///< a minimal participant's own memory
  double program;  ///< its program and libraries, shared with others who run them
};

template <class Choose>
RoundResult run_memory(const RoundBudget& budget, Choose choose) {
  PrivateBus place;
  RoleGroup group(budget);
  group.add("starter", 0, [&](RoleContext& context) {
    const auto numbers = ask_probe<4>("resident", place);
    context.report().value = choose(Memory{numbers[0], numbers[1], numbers[2], numbers[3]});
  });
  return group.run(0);
}

RoundResult run_allocations(const RoundBudget& budget) {
  PrivateBus place;
  RoleGroup group(budget);
  group.add("starter", 0, [&](RoleContext& context) {
    const auto numbers = ask_probe<2>("allocations", place);
    context.report().operations = static_cast<std::uint64_t>(numbers[1]);
    context.report().value = numbers[0] / numbers[1];
  });
  return group.run(0);
}

void add(Registry& registry, const std::string& name, Unit unit, Tier tier,
         std::function<RoundResult(const RoundBudget&)> run) {
  registry.add({.name = name,
                .payload = 0,
                .mode = "adaptive",
                .unit = unit,
                .ratio_to = {},
                .tier = tier,
                .run_round = std::move(run),
                .rounds_max = unit == Unit::nanoseconds ? 0 : 3});
}

template <class Choose>
void add_memory(Registry& registry, const std::string& name, Tier tier, Choose choose) {
  add(registry, name, Unit::bytes, tier,
      [choose](const RoundBudget& budget) { return run_memory(budget, choose); });
}

}  // namespace

void register_bus_resources(Registry& registry) {
  add(registry, "alloc_per_call", Unit::count, Tier::headline, run_allocations);
  add(registry, "open_to_reply", Unit::nanoseconds, Tier::headline,
      [](const RoundBudget& budget) { return run_starts(budget, false); });
  add(registry, "open_to_reply.from_fork", Unit::nanoseconds, Tier::detail,
      [](const RoundBudget& budget) { return run_starts(budget, true); });
  // The bus and what a participant adds to it. Its program and libraries are shared with all others
  // that run them: resident.process counts them too.
  add_memory(registry, "resident", Tier::headline,
             [](const Memory& memory) { return memory.segment + memory.own; });
  add_memory(registry, "resident.segment", Tier::detail,
             [](const Memory& memory) { return memory.segment; });
  add_memory(registry, "resident.touched", Tier::detail,
             [](const Memory& memory) { return memory.touched; });
  add_memory(registry, "resident.process", Tier::detail,
             [](const Memory& memory) { return memory.own + memory.program; });
  add_memory(registry, "resident.process.own", Tier::detail,
             [](const Memory& memory) { return memory.own; });
}

}  // namespace shmbus::bench
