// Commands whose request the caller fills in place, in memory that it borrowed before.
#include <utility>

#include "call/caller_core.hpp"
#include "layout/limits.hpp"
#include "session/core.hpp"
#include "stats/histogram.hpp"

namespace shmbus::detail {

using lane::Outgoing;
using lane::Ticket;

Result<Loan> CallerCore::loan(std::size_t bytes, std::size_t reply_capacity) noexcept {
  if (!usable()) [[unlikely]]
    return unusable();
  Deadline deadline(bus(), default_timeout);
  auto request = allocate(bytes, deadline);
  if (!request) return tl::unexpected<Error>(request.error());
  Loan loan;
  if (reply_capacity > layout::inline_reply_bytes) {
    auto reply = allocate_second(reply_capacity, *request, bytes, deadline);
    if (!reply) return tl::unexpected<Error>(reply.error());
    loan.reply_ = *reply;
    loan.reply_.capacity = static_cast<std::uint32_t>(reply_capacity);
  }
  loan.core_ = self();
  loan.request_ = *request;
  loan.size_ = static_cast<std::uint32_t>(bytes);
  return loan;
}

/// The loan's memory is the command's from here on.
Result<Ticket> CallerCore::commit(LeasedLane& lane, Loan& loan, Outgoing& out,
                                  const trace::CallSpan& span, Deadline& deadline) noexcept {
  if (span.travels) out.context = &span.cell;
  out.stamp = stamp_if_due(lane);
  out.command = *record_;
  out.request = std::exchange(loan.request_, {});
  out.request_bytes = loan.size_;
  if (!out.one_way) {
    out.reply = std::exchange(loan.reply_, {});
    out.reply_capacity = out.reply.capacity;
  }
  out.deadline_ticks = deadline.travelling();
  out.with_caller = options_.on_caller_exit == OnCallerExit::cancel;
  return commit(lane, out, deadline);
}

Result<Pending> CallerCore::start(Loan& loan, Duration timeout) noexcept {
  if (!usable()) [[unlikely]]
    return unusable();
  if (!enclosing_wanted()) return cancelled_error();
  trace::CallSpan span = begin_span();
  Deadline deadline = deadline_for(timeout);
  const auto lane = lane_for(deadline, timeout, policy::Kind::call);
  if (!lane) return tl::unexpected<Error>(lane.error());
  if (span.sampled()) span.published = wait::ticks();
  Outgoing out;
  const auto ticket = commit(**lane, loan, out, span, deadline);
  if (!ticket) return tl::unexpected<Error>(ticket.error());
  (*lane)->lane.notify();
  stats::add((*lane)->lane.head().counters.calls, 1);
  stats::add((*lane)->lane.head().counters.bytes_out, loan.size_);
  return make_pending(**lane, *ticket, out, deadline, span);
}

Result<ReplyView> CallerCore::call(Loan& loan, Duration timeout) noexcept {
  if (fast_call(fast_lane_, timeout)) [[likely]]
    return call_fast(loan);
  auto pending = start(loan, timeout);
  if (!pending) return tl::unexpected<Error>(pending.error());
  pending->has_place_ = false;  // nobody has heard of it yet
  return pending->wait();
}

/// As with a small request by value: the lane at hand, no clock, nothing to keep for later.
Result<ReplyView> CallerCore::call_fast(Loan& loan) noexcept {
  LeasedLane& lane = *lane_;
  Deadline deadline(bus(), std::uint64_t{0});
  Outgoing out;
  const auto ticket = commit(lane, loan, out, trace::CallSpan(), deadline);
  if (!ticket) [[unlikely]]
    return tl::unexpected<Error>(ticket.error());
  lane.lane.notify();
  auto& counters = lane.lane.head().counters;
  stats::add(counters.calls, 1);
  stats::add(counters.bytes_out, out.request_bytes);
  Published published{&lane, *ticket, out.reply, out.request_bytes, &deadline};
  if (const auto waited = await(lane, *ticket, deadline); waited != Waited::answered) {
    if (waited == Waited::stranded) return wait_on(published);
    return tl::unexpected<Error>(give_up_waiting(lane, *ticket, waited));
  }
  if (out.stamp != 0) [[unlikely]]
    record_round_trip(lane, *ticket, out.stamp);
  return view_answer(published);
}

Result<void> CallerCore::send(Loan& loan, Duration timeout) noexcept {
  if (!usable()) [[unlikely]]
    return unusable();
  trace::CallSpan span = begin_span();
  const ScopedCurrentCommand alone(nullptr);
  Deadline deadline(bus(), timeout);
  const auto lane = lane_for(deadline, timeout, policy::Kind::send);
  if (!lane) return tl::unexpected<Error>(lane.error());
  if (span.sampled()) span.published = wait::ticks();
  Outgoing out;
  out.one_way = true;
  const auto ticket = commit(**lane, loan, out, span, deadline);
  if (!ticket) return tl::unexpected<Error>(ticket.error());
  if (span.travels) end_sent(span, **lane, *ticket);
  (*lane)->lane.notify();
  stats::add((*lane)->lane.head().counters.sends, 1);
  stats::add((*lane)->lane.head().counters.bytes_out, loan.size_);
  return {};
}

}  // namespace shmbus::detail
