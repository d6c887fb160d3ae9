// What the policy of a name means to its callers: see policy/gate.hpp.
#include "call/caller_core.hpp"
#include "os/fence.hpp"
#include "words/table.hpp"

namespace shmbus::detail {

/// REQUIRES: the binding word was loaded before: a policy that is set from here on moves it.
void CallerCore::read_policy() noexcept {
  gate_.read(bus(), *record_);
  choose_path();
}

/// What every command of this caller carries, or has to pass, decides once for all of them.
void CallerCore::choose_path() noexcept {
  const bool slow =
      gate_.set() || options_.on_caller_exit == OnCallerExit::cancel || wait::publishers_fence();
  untraced_lane_ = slow ? nullptr : lane_.get();
  fast_lane_ = trace_ratio_ > 0 ? nullptr : untraced_lane_;
}

Result<LeasedLane*> CallerCore::lane_for(Deadline& deadline, Duration timeout,
                                         policy::Kind kind) noexcept {
  if (!resolved_and_owned()) [[unlikely]] {
    // The deadline counts from here, also for the wait for an owner.
    if (!record_) record_ = names::find(bus().view, name_);
    if (record_) read_policy();
  }
  if (gate_.set() && timeout == default_timeout && gate_.deadline().count() != 0) [[unlikely]] {
    deadline = deadline_for(gate_.deadline());
  }
  const auto lane = lane_for_publish(deadline);
  if (!lane) return tl::unexpected<Error>(lane.error());
  if (!gate_.set()) [[likely]]
    return *lane;
  if (auto passed = gate_.ask((*lane)->lane, kind, name_.text); !passed) {
    return tl::unexpected<Error>(passed.error());
  }
  return *lane;
}

}  // namespace shmbus::detail
