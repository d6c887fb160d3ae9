#pragma once
// A group of roles (caller, server, producers...) that measure something together: each role is a
// process of its own, pinned to a core, forked from the suite's process, which only waits. It kills
// the whole group when a role fails or the group outlives its limit, so neither a crash nor a hang
// of the measured thing reaches the suite.
//
//     RoleGroup group(budget);
//     group.add("caller", 0, [&](RoleContext& context) { context.barrier(); ... });
//     group.add("server", 1, [&](RoleContext& context) { context.barrier(); ... });
//     return group.run(0);          // role 0 wrote value and latency into its report
//
// What the roles share (SharedMapping, pipes, sockets) is made before run() and captured.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/round.hpp"
#include "harness/shared_mapping.hpp"

namespace shmbus::bench {

enum class Isolation { processes, threads };

/// What one role leaves behind, in shared memory. Written by its role only.
struct RoleReport {
  static constexpr std::size_t kBlocksMax = 4096;

  std::uint64_t operations = 0;  ///< sent or served, every one verified
  double value = 0;              ///< the figure of the round, in the entry's unit
  double core_wait_ns = 0;       ///< since the role's first barrier; filled in by the group
  LatencyHistogram latency;
  std::size_t block_count = 0;
  std::array<double, kBlocksMax> block_ns{};  ///< mean call time of blocks without a clock inside

  void add_block(double mean_ns) noexcept {
    if (block_count < kBlocksMax) {
      block_ns[block_count++] = mean_ns;
    }
  }
  /// The median block.
  [[nodiscard]] double typical_ns() const;
};

struct GroupControl;  // the group's shared words; see role_group.cpp

class RoleContext {
 public:
  RoleContext(GroupControl& control, RoleReport* reports, std::size_t index, std::size_t count,
              const RoundBudget& budget);

  /// Waits until every role of the group has come here as often as this one.
  void barrier();

  [[nodiscard]] RoleReport& report() noexcept { return reports_[index_]; }
  [[nodiscard]] RoleReport& report_of(std::size_t role) noexcept { return reports_[role]; }
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] const RoundBudget& budget() const noexcept { return budget_; }

  /// A flag all roles see, for loops that have no message to tell them to end.
  void ask_to_stop() noexcept;
  [[nodiscard]] bool stop_asked() const noexcept;

  /// Ends the role: what the kernel counted goes into the report.
  void finish() noexcept;

 private:
  GroupControl& control_;
  RoleReport* reports_;
  std::size_t index_;
  std::size_t count_;
  std::uint32_t barriers_passed_ = 0;
  double core_wait_before_;
  const RoundBudget& budget_;
};

class RoleGroup {
 public:
  using Body = std::function<void(RoleContext&)>;

  explicit RoleGroup(const RoundBudget& budget, Isolation isolation = Isolation::processes)
      : budget_(budget), isolation_(isolation) {}

  /// `cpu` counts the cores this process may use, modulo how many there are; kAnyCpu does not pin.
  static constexpr int kAnyCpu = -1;
  void add(std::string name, int cpu, Body body);

  /// Roles leave through exit() instead of _exit(), for libraries that must say goodbye to a
  /// daemon. Static objects made before run() are then destroyed in every role, so they must expect
  /// that.
  void run_exit_handlers() noexcept { runs_exit_handlers_ = true; }

  /// Runs all roles to their end. When all went well the result is the report of `reporting_role`.
  [[nodiscard]] RoundResult run(std::size_t reporting_role);

  /// After run().
  [[nodiscard]] const RoleReport& report(std::size_t role) const;

 private:
  struct Role {
    std::string name;
    int cpu;
    Body body;
  };
  void run_role(std::size_t index) noexcept;
  void start_children();
  void run_threads() noexcept;
  [[nodiscard]] bool wait_for_children();
  [[nodiscard]] GroupControl& control() const noexcept;
  [[nodiscard]] RoleReport* reports() const noexcept;

  RoundBudget budget_;
  Isolation isolation_;
  bool runs_exit_handlers_ = false;
  std::vector<Role> roles_;
  std::vector<SharedMapping> shared_;  // at most one: control words and reports, made by run()
  std::vector<int> children_;
};

}  // namespace shmbus::bench
