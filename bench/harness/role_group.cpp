#include "harness/role_group.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "harness/clock.hpp"
#include "harness/cpu.hpp"

namespace shmbus::bench {

enum class GroupState : std::uint32_t { running, skipped, failed };

struct GroupControl {
  alignas(128) std::atomic<std::uint32_t> arrivals{0};
  alignas(128) std::atomic<std::uint32_t> stop{0};
  alignas(128) std::atomic<GroupState> state{GroupState::running};
  std::atomic<std::uint32_t> why_taken{0};
  char why[512] = {};
};

namespace {

// The first role that gives up names the reason; the others only follow.
void give_up(GroupControl& control, GroupState state, const std::string& why) noexcept {
  if (control.why_taken.exchange(1, std::memory_order_acq_rel) != 0) {
    return;
  }
  std::snprintf(control.why, sizeof control.why, "%s", why.c_str());
  control.state.store(state, std::memory_order_release);
}

constexpr std::size_t kReportsOffset = (sizeof(GroupControl) + 4095) / 4096 * 4096;

}  // namespace

double RoleReport::typical_ns() const {
  if (block_count == 0) {
    return 0;
  }
  std::vector<double> blocks(block_ns.begin(), block_ns.begin() + block_count);
  auto middle = blocks.begin() + static_cast<std::ptrdiff_t>(blocks.size() / 2);
  std::nth_element(blocks.begin(), middle, blocks.end());
  return *middle;
}

RoleContext::RoleContext(GroupControl& control, RoleReport* reports, std::size_t index,
                         std::size_t count, const RoundBudget& budget)
    : control_(control),
      reports_(reports),
      index_(index),
      count_(count),
      core_wait_before_(core_wait_so_far()),
      budget_(budget) {}

void RoleContext::finish() noexcept {
  report().core_wait_ns = core_wait_so_far() - core_wait_before_;
}

void RoleContext::barrier() {
  const auto target = static_cast<std::uint32_t>(count_ * ++barriers_passed_);
  control_.arrivals.fetch_add(1, std::memory_order_acq_rel);
  for (unsigned spins = 0; control_.arrivals.load(std::memory_order_acquire) < target; ++spins) {
    if (control_.state.load(std::memory_order_acquire) != GroupState::running) {
      throw std::runtime_error("another role gave up");
    }
    if (spins < 200) {
      spin_pause();
    } else {
      usleep(50);  // there may be more roles than cores
    }
  }
  if (barriers_passed_ == 1) {
    core_wait_before_ = core_wait_so_far();  // setting up is not measured
  }
}

void RoleContext::ask_to_stop() noexcept { control_.stop.store(1, std::memory_order_release); }
bool RoleContext::stop_asked() const noexcept {
  return control_.stop.load(std::memory_order_acquire) != 0;
}

void RoleGroup::add(std::string name, int cpu, Body body) {
  roles_.push_back({std::move(name), cpu, std::move(body)});
}

GroupControl& RoleGroup::control() const noexcept {
  return *std::launder(reinterpret_cast<GroupControl*>(shared_.front().data()));
}

RoleReport* RoleGroup::reports() const noexcept {
  return std::launder(reinterpret_cast<RoleReport*>(shared_.front().data() + kReportsOffset));
}

const RoleReport& RoleGroup::report(std::size_t role) const { return reports()[role]; }

void RoleGroup::run_role(std::size_t index) noexcept {
  try {
    pin_to_cpu(roles_[index].cpu);
    RoleContext context(control(), reports(), index, roles_.size(), budget_);
    roles_[index].body(context);
    context.finish();
    return;
  } catch (const Unavailable& missing) {
    give_up(control(), GroupState::skipped, missing.what());
  } catch (const std::exception& error) {
    give_up(control(), GroupState::failed, roles_[index].name + ": " + error.what());
  }
  _exit(1);  // also out of a thread: the group has no result any more
}

void RoleGroup::run_threads() noexcept {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < roles_.size(); ++i) {
    threads.emplace_back([this, i] { run_role(i); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void RoleGroup::start_children() {
  const std::size_t count = isolation_ == Isolation::threads ? 1 : roles_.size();
  const pid_t suite = getpid();
  std::fflush(nullptr);
  for (std::size_t i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != suite) {
        _exit(1);
      }
      isolation_ == Isolation::threads ? run_threads() : run_role(i);
      if (runs_exit_handlers_) {
        std::exit(0);
      }
      _exit(0);
    }
    if (child < 0) {
      give_up(control(), GroupState::failed, std::string("fork: ") + std::strerror(errno));
      return;
    }
    children_.push_back(child);
  }
}

// True when every child exited with 0. The first that does not, or the limit, ends all the others.
bool RoleGroup::wait_for_children() {
  bool well = control().state.load(std::memory_order_acquire) == GroupState::running;
  const Ticks limit = now_ticks() + ns_to_ticks(budget_.hang_limit_ns);
  std::vector<pollfd> exits;
  for (const int child : children_) {
    exits.push_back({static_cast<int>(syscall(SYS_pidfd_open, child, 0)), POLLIN, 0});
  }
  for (std::size_t left = children_.size(); left > 0;) {
    const Ticks now = now_ticks();
    const int wait_ms = now >= limit ? 0 : static_cast<int>(ticks_to_ns(limit - now) / 1e6) + 1;
    if (!well || poll(exits.data(), exits.size(), wait_ms) == 0) {
      if (well) {
        give_up(control(), GroupState::failed, "hung: killed after its time limit");
      }
      well = false;
      for (std::size_t i = 0; i < exits.size(); ++i) {
        if (exits[i].fd >= 0) {
          kill(children_[i], SIGKILL);
          exits[i].revents = POLLIN;
        }
      }
    }
    for (std::size_t i = 0; i < exits.size(); ++i) {
      if (exits[i].fd < 0 || (exits[i].revents & POLLIN) == 0) {
        continue;
      }
      int status = 0;
      waitpid(children_[i], &status, 0);
      close(exits[i].fd);
      exits[i].fd = -1;
      --left;
      if (status != 0 && well) {
        well = false;
        give_up(control(), GroupState::failed,
                roles_[i].name + " died, wait status " + std::to_string(status));
      }
    }
  }
  children_.clear();
  return well;
}

RoundResult RoleGroup::run(std::size_t reporting_role) {
  shared_.clear();
  shared_.emplace_back(kReportsOffset + roles_.size() * sizeof(RoleReport));
  ::new (shared_.front().data()) GroupControl;
  for (std::size_t i = 0; i < roles_.size(); ++i) {
    ::new (static_cast<void*>(reports() + i)) RoleReport;
  }
  start_children();
  if (wait_for_children()) {
    const RoleReport& report = reports()[reporting_role];
    RoundResult result = RoundResult::of(report.value);
    if (report.latency.total() != 0) {
      result.latency = report.latency;
    }
    for (std::size_t i = 0; i < roles_.size(); ++i) {
      result.core_wait_ns += reports()[i].core_wait_ns;
    }
    return result;
  }
  const bool skipped = control().state.load(std::memory_order_acquire) == GroupState::skipped;
  return skipped ? RoundResult::skip(control().why) : RoundResult::fail(control().why);
}

}  // namespace shmbus::bench
