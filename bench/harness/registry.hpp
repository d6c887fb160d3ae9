#pragma once
// The list of everything the suite can measure. A file of benchmarks offers one function that adds
// its entries; suites.hpp declares that function and suites.cpp calls it:
//
//     void register_call(Registry& registry) {
//       registry.add({.name = "call.hot.40B",      // fixed: --compare goes by it
//                     .payload = 40,               // bytes
//                     .mode = "spin",              // spin, adaptive, block, threads...
//                     .unit = Unit::nanoseconds,
//                     .ratio_to = "floor.line",    // the row of the same run to divide by
//                     .tier = Tier::headline,
//                     .run_round = run_hot_call});
//     }
//
//     RoundResult run_hot_call(const RoundBudget& budget) {
//       SharedMapping segment(1 << 20);            // set up here, anew for each round
//       RoleGroup group(budget);
//       group.add("caller", 0, [&](RoleContext& context) {
//         context.barrier();                       // both are set up
//         EchoCaller<40> echo;
//         measure_calls(context, [&] { ... echo.fill(to) ... echo.check(from) ... });
//         ... echo.fill_end(to) ...                // tells the server to end
//       });
//       group.add("server", 1, [&](RoleContext& context) { ... EchoServer<40> echo ... });
//       return group.run(0);                       // the figures of role 0
//     }
//
// run_round is called once per round, interleaved with all other entries. It returns
//   RoundResult::of(value)     one figure in the entry's unit; a latency histogram may be added
//   RoundResult::skip(reason)  this machine lacks something: the row is reported as skipped
//   RoundResult::fail(reason)  data lost, crash or hang: the suite exits non-zero
// or throws Unavailable (skipped) or anything else (failed). It must not leave state behind in the
// suite's process: set up inside the roles, or in objects that end with the round.
//
// Latencies: the value is nanoseconds per call. Rates: operations per second. Others: plain
// numbers. The ratio is value / value of ratio_to, so for rates more is better.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/round.hpp"

namespace shmbus::bench {

enum class Unit { nanoseconds, per_second, bytes, count, percent };

[[nodiscard]] std::string_view unit_name(Unit unit) noexcept;

enum class Tier {
  headline,  ///< in every run
  detail,    ///< with --full
  peer,      ///< with --peers
};

struct Entry {
  std::string name;
  std::size_t payload = 0;
  std::string mode{};
  Unit unit = Unit::nanoseconds;
  std::string ratio_to{};
  Tier tier = Tier::detail;
  std::function<RoundResult(const RoundBudget&)> run_round{};
  int rounds_max = 0;  ///< for entries whose one round is long; 0: no limit of its own
};

struct Absent {
  std::string name;
  std::string reason;
};

class Registry {
 public:
  /// Throws std::invalid_argument when the name is taken.
  void add(Entry entry);
  /// Reports that `name` was left out of this build.
  void add_absent(std::string name, std::string reason);

  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }
  [[nodiscard]] const std::vector<Absent>& absent() const noexcept { return absent_; }
  [[nodiscard]] const Entry* find(std::string_view name) const noexcept;

 private:
  std::vector<Entry> entries_;
  std::vector<Absent> absent_;
};

}  // namespace shmbus::bench
