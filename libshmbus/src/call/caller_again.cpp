// Calls that are sent again because their handler went before it had started them: it died, gave
// the name up, or lost the race for the seat of one that had died. A caller that waits for the next
// handler (WhenVacant::wait) need not hear of it: the command never ran and never will from its old
// cell, which is certain, so it is sent to whoever has the name now, within the limit it had.
#include <algorithm>
#include <utility>

#include "base/testpoint.hpp"
#include "call/caller_core.hpp"
#include "call/reply_words.hpp"
#include "os/futex.hpp"
#include "session/core.hpp"
#include "stats/histogram.hpp"

namespace shmbus::detail {

using lane::Outgoing;
using lane::Ticket;

namespace {

/// The one that refused may still have the name, for a moment.
constexpr std::uint64_t again_slice_ns = 1'000'000;
constexpr std::uint32_t cells_needed = 2;  // at most

}  // namespace

bool CallerCore::goes_on(const Error& error, Deadline& deadline) const noexcept {
  if (SHMBUS_MISTAKE("refused.told")) return false;
  const bool went =
      error.kind == ErrorKind::not_registered || error.kind == ErrorKind::handler_died_before_start;
  return went && options_.when_vacant == WhenVacant::wait && bus().intact() &&
         !deadline.over(wait::ticks());
}

/// `status`: what stands in the cell of a call that was refused. Its caller withdraws all that it
/// has at a seat which its name has left: `cancelled` is what becomes of that, if nobody cancelled
/// it.
bool CallerCore::goes_on(const Published& call, StatusCode status) const noexcept {
  if (SHMBUS_MISTAKE("refused.told")) return false;
  const bool went =
      status == StatusCode::not_registered || (status == StatusCode::cancelled && still_wanted());
  if (!went || (call.pending != nullptr && call.pending->cancel_asked_)) return false;
  return options_.when_vacant == WhenVacant::wait && bus().intact() &&
         call.ticket.seq > call.lane->passed_seq && !call.deadline->over(wait::ticks());
}

/// Commands of one caller start in the order in which it sent them, also those that are sent again.
bool CallerCore::keeps_order(const PortLane& from, lane::Ticket ticket,
                             const PortLane& to) noexcept {
  return ticket.seq > from.passed_seq && (&from != &to || from.lane.newest() == ticket.seq);
}

/// Where the name leads now; waits for it to lead somewhere.
Result<PortLane*> CallerCore::lane_again(Deadline& deadline) noexcept {
  if (!still_wanted()) return not_wanted();
  if (resolved_and_owned()) {
    auto& registrations = bus().view.bus_events().registrations;
    const std::uint32_t seen = registrations.load(std::memory_order_acquire);  // SYNC wait.event
    wait::futex_wait(registrations, seen,
                     std::min(deadline.left_ns(wait::ticks()), again_slice_ns));
  }
  sends_again_ = true;
  auto lane = resolve(deadline);
  if (lane) lane = lane_for_publish(deadline);
  sends_again_ = false;
  return lane;
}

Result<std::size_t> CallerCore::call_on(std::span<const std::byte> request,
                                        std::span<std::byte> reply, Deadline& deadline,
                                        trace::CallSpan& span) noexcept {
  for (;;) {
    const auto lane = lane_again(deadline);
    if (!lane) return tl::unexpected<Error>(lane.error());
    bool again = false;
    auto result = call_once(**lane, request, reply, deadline, span, again);
    if (!again) return result;
  }
}

Result<std::size_t> CallerCore::after_fast(const Result<std::size_t>& ended,
                                           std::span<const std::byte> request,
                                           std::span<std::byte> reply,
                                           Deadline& deadline) noexcept {
  if (ended || !goes_on(ended.error(), deadline)) return ended;
  trace::CallSpan none;
  return call_on(request, reply, deadline, none);
}

Result<ReplyView> CallerCore::wait_on(Published& call) noexcept {
  Outgoing out;
  out.reply = call.reply;
  Pending pending = make_pending(*call.lane, call.ticket, out, *call.deadline, {});
  pending.bytes_ = call.bytes;
  return wait_for(pending);
}

/// REQUIRES: the call never ran and never will: it was refused, or withdrawn for certain. `why`:
/// what its caller is told if it cannot go on.
Result<void> CallerCore::send_again(const Pending& pending, const Error& why,
                                    Deadline& deadline) noexcept {
  const auto& old = *static_cast<const PortLane*>(pending.lane_);
  auto lane = lane_again(deadline);
  while (lane && (*lane)->lane.free_cells() < cells_needed) {
    if (deadline.over(wait::ticks())) return no_room(**lane);
    port_->collect(**lane);
    wait::pause_for(again_slice_ns);
    lane = lane_again(deadline);
  }
  if (!lane) return tl::unexpected<Error>(lane.error());
  if (!keeps_order(old, {pending.cell_, pending.seq_}, **lane)) return tl::unexpected<Error>(why);
  publish_again(pending, **lane);
  return {};
}

/// REQUIRES: `lane` has room. Nothing of the call is left in its old cell.
void CallerCore::publish_again(const Pending& pending, PortLane& lane) noexcept {
  auto& old = *static_cast<PortLane*>(pending.lane_);
  const Ticket was{pending.cell_, pending.seq_};
  lane::RequestCopy room;
  Outgoing out;
  old.lane.take_request(was, pending.bytes_, pending.with_context_, room, out);
  if (old.lane.replied(was)) {
    old.lane.release(was);
  } else {
    old.lane.quarantine(was);  // until an owner has passed it
  }
  old.passed_seq = was.seq;
  out.command = *record_;
  out.reply = pending.reply_;
  out.reply_capacity = pending.reply_.capacity;
  out.deadline_ticks = pending.deadline_ticks_;
  out.with_caller = options_.when_caller_goes == WhenCallerGoes::cancel;
  // Under global order it may get its place later: the owner's sweep finds it.
  const Ticket ticket = lane.lane.publish(out);
  lane.lane.notify();
  stats::add(lane.lane.head().counters.calls, 1);
  stats::add(lane.lane.head().counters.bytes_out, pending.bytes_);
  if (pending.traced_) {
    const auto& open = old.open_calls.at(was.cell);
    pending.traced_ =
        lane.open_calls.put(ticket.cell, lane.lane.cells(), {open.span, id_of(lane, ticket)});
  }
  gate_.again(old.lane, was);
  gate_.sent(lane.lane, ticket);
  pending.lane_ = &lane;
  pending.seq_ = ticket.seq;
  pending.cell_ = ticket.cell;
}

/// For ready(): sends the call again if that is to be done and can be done at once. False when it
/// has ended as it is.
bool CallerCore::move_on(const Pending& pending) noexcept {
  auto& lane = *static_cast<PortLane*>(pending.lane_);
  const Ticket ticket{pending.cell_, pending.seq_};
  const bool answered = lane.lane.replied(ticket);
  const auto status = answered ? lane.lane.answer(ticket).status : StatusCode::not_registered;
  Deadline deadline(bus(), pending.deadline_ticks_);
  if (!goes_on({&lane, ticket, {}, 0, &deadline, nullptr}, status)) return false;
  if (pending.cancel_asked_) return false;
  Deadline now(bus(), Duration::zero());
  sends_again_ = true;
  const auto to = lane_for_publish(now);
  sends_again_ = false;
  // There is no handler as yet, or it has no room.
  if (!to || (*to)->lane.free_cells() < cells_needed) return true;
  if (!keeps_order(lane, ticket, **to)) return false;
  // Withdrawn for certain, or else started by somebody after all.
  if (answered || lane.lane.ask_to_cancel(ticket)) publish_again(pending, **to);
  return true;
}

/// The call ends with `why`, for which it could not be sent again.
tl::unexpected<Error> CallerCore::let_go(Pending& pending, const Error& why) noexcept {
  auto& lane = *static_cast<PortLane*>(std::exchange(pending.lane_, nullptr));
  const Ticket ticket{pending.cell_, pending.seq_};
  if (pending.traced_) end_kept(lane, ticket.cell, why.kind, why.code);
  gate_.ended(lane.lane, ticket, why.kind);
  pending.reply_ = {};
  lane.lane.quarantine(ticket);
  port_->collect(lane);
  stats::add(lane.lane.head().counters.errors, 1);
  return tl::unexpected<Error>(why);
}

}  // namespace shmbus::detail
