// What the policy of a name means to its callers: see policy/gate.hpp.
#include "call/caller_core.hpp"
#include "words/table.hpp"

namespace shmbus::detail {

/// REQUIRES: the binding word was loaded before: a policy that is set from here on moves it.
void CallerCore::read_policy() noexcept {
  gate_.read(bus(), *record_);
  const bool slow = gate_.set() || options_.when_caller_goes == WhenCallerGoes::cancel;
  untraced_limit_ = slow ? 0 : layout::continued_request_bytes + 1;
  small_limit_ = trace_ratio_ > 0 ? 0 : untraced_limit_;
}

Result<PortLane*> CallerCore::lane_for(Deadline& deadline, Duration timeout,
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

/// The breaker learns what became of the call.
Result<ReplyView> CallerCore::wait_and_judge(Pending& pending) noexcept {
  if (!gate_.judges() || pending.lane_ == nullptr) [[likely]]
    return wait_for(pending);
  const lane::CallerLane& lane = static_cast<PortLane*>(pending.lane_)->lane;
  const lane::Ticket ticket{pending.cell_, pending.seq_};
  auto reply = wait_for(pending);
  gate_.ended(lane, ticket, reply ? ErrorKind::none : reply.error().kind);
  return reply;
}

}  // namespace shmbus::detail
