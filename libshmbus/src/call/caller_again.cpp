// Calls that are sent again because their handler went before it had started them: it died, gave
// the name up, or lost the race for the endpoint of one that had died. A caller that waits for the
// next handler (WhenVacant::wait), or of a group whose other members serve, need not hear of it:
// the command never ran and never will from its old cell, which is certain, so it is sent to the
// present owner of the name, within the limit it had.
//
// It must not overtake, nor fall behind, what it came before:
//
//   the same caller's   All new commands of an era go to one lane. What was sent there after this
//                       call must be certain never to run either (CallerLane::behind). A command
//                       that goes to another lane begins an era, and so does any command once a
//                       call has gone on to another lane. No call of an older era goes on.
//   all callers'        Under global order a call whose start() has returned has its place, and
//                       others may rely on it. No other handler can give it the same one, so it
//                       ends with the error. A blocking call has no place yet.
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
// For what was sent after a call to be refused too, or started.
constexpr std::uint64_t undecided_ns = 1'000'000'000;

/// There is no handler as yet, or it has no room.
bool may_come(const Error& error) noexcept {
  return error.kind == ErrorKind::not_registered || error.kind == ErrorKind::timed_out ||
         error.kind == ErrorKind::overloaded || error.kind == ErrorKind::limit_reached;
}

}  // namespace

/// Another handler is waited for, or takes commands already: another member of the group.
bool CallerCore::next_is_wanted() const noexcept {
  return options_.when_vacant == WhenVacant::wait ||
         (routed_ && names::takes_elsewhere(bus().view, *record_));
}

bool CallerCore::goes_on(const Error& error, Deadline& deadline) const noexcept {
  if (SHMBUS_MISTAKE("refused.told")) return false;
  const bool went =
      error.kind == ErrorKind::not_registered || error.kind == ErrorKind::handler_died_before_start;
  return went && bus().intact() && !deadline.over(wait::ticks()) && next_is_wanted();
}

/// `status`: what stands in the cell of a call that was refused. Its caller withdraws all that it
/// has at an endpoint which its name has left: `cancelled` is what becomes of that, if nobody
/// cancelled it.
bool CallerCore::goes_on(const Published& call, StatusCode status) const noexcept {
  if (SHMBUS_MISTAKE("refused.told")) return false;
  const bool went = status == StatusCode::not_registered ||
                    (status == StatusCode::cancelled && enclosing_wanted());
  if (!went || (call.pending != nullptr && !may_go_on(*call.pending))) return false;
  return bus().intact() && !call.deadline->over(wait::ticks()) && next_is_wanted();
}

/// But for what was sent to its lane after it, which going() asks for.
bool CallerCore::may_go_on(const Pending& pending) const noexcept {
  if (pending.cancel_asked_) return false;
  if (pending.has_place_ && !SHMBUS_MISTAKE("place.given_up")) return false;
  const std::uint64_t first = pending.first_seq_ != 0 ? pending.first_seq_ : pending.seq_;
  return (pending.era_ == era_ && first >= sent_again_) || SHMBUS_MISTAKE("era.ignored");
}

void CallerCore::begin_era() noexcept {
  ++era_;
  left_ = false;
  sent_again_ = 0;
}

/// To an endpoint with an owner.
bool CallerCore::leads_where_it_led() const noexcept {
  if (lane_ == nullptr || lane_->retired) return false;
  // SYNC names.binding
  if (binding_word_->load(std::memory_order_acquire) != led_to_) return false;
  return lane_->lane.endpoint().attention.attention.load(std::memory_order_relaxed) !=
         static_cast<std::uint32_t>(layout::Attention::vacant);
}

/// Where the name leads now; waits for it to lead somewhere.
Result<LeasedLane*> CallerCore::lane_again(Deadline& deadline) noexcept {
  if (!enclosing_wanted()) return cancelled_error();
  if (leads_where_it_led()) {
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

/// REQUIRES: the call was this caller's newest command.
Result<std::size_t> CallerCore::call_on(std::span<const std::byte> request,
                                        std::span<std::byte> reply, Deadline& deadline,
                                        trace::CallSpan& span) noexcept {
  for (;;) {
    const auto lane = lane_again(deadline);
    begin_era();  // older calls do not go on behind this one
    if (!lane) return tl::unexpected<Error>(lane.error());
    bool again = false;
    auto result = call_once(**lane, request, reply, deadline, span, again);
    if (!again) return result;
  }
}

/// `newest`: the call is still this caller's newest command.
Result<std::size_t> CallerCore::after_fast(const Result<std::size_t>& ended, bool newest,
                                           const FastCall& call, Deadline& deadline) noexcept {
  if (ended || !newest || !goes_on(ended.error(), deadline)) return ended;
  trace::CallSpan none;
  return call_on(call.request, call.reply, deadline, none);
}

Result<ReplyView> CallerCore::wait_on(Published& call) noexcept {
  Outgoing out;
  out.reply = call.reply;
  trace::CallSpan none;
  none.cell = {};
  Pending pending = make_pending(*call.lane, call.ticket, out, *call.deadline, none);
  pending.bytes_ = call.bytes;
  pending.has_place_ = false;  // nobody has heard of it yet
  return wait_for(pending);
}

/// Whether a call that is to be sent again can go to `to`.
CallerCore::Going CallerCore::going(const Pending& pending, const LeasedLane& to) const noexcept {
  const auto& from = *static_cast<const LeasedLane*>(pending.lane_);
  const Ticket ticket{pending.cell_, pending.seq_};
  if (!may_go_on(pending)) return Going::nowhere;
  switch (from.lane.behind(ticket)) {
    case lane::CallerLane::Behind::commands:
      if (SHMBUS_MISTAKE("era.ignored")) break;
      return Going::nowhere;
    case lane::CallerLane::Behind::undecided:
      return Going::undecided;
    case lane::CallerLane::Behind::nothing:
      break;
  }
  const std::uint32_t needed = from.lane.cells_of(ticket);
  const bool own_come_back = &from == &to && from.lane.replied(ticket);
  if (to.lane.free_cells() + (own_come_back ? needed : 0) >= needed) return Going::now;
  // Else only the reading of other replies makes room there.
  return to.lane.has_uncollected() ? Going::full : Going::unread;
}

/// REQUIRES: the call never ran and never will: it was refused, or withdrawn for certain. `why`:
/// the error of its caller if it cannot go on.
Result<void> CallerCore::send_again(const Pending& pending, const Error& why,
                                    Deadline& deadline) noexcept {
  const std::uint64_t decided_by = wait::ticks() + bus().rate.from_ns(undecided_ns);
  while (may_go_on(pending)) {
    const auto lane = lane_again(deadline);
    if (!lane) return tl::unexpected<Error>(lane.error());
    const std::uint64_t now = wait::ticks();
    switch (going(pending, **lane)) {
      case Going::now:
        publish_again(pending, **lane);
        return {};
      case Going::undecided:
        if (now >= decided_by || deadline.over(now)) return tl::unexpected<Error>(why);
        break;
      case Going::full:
        if (options_.when_full == WhenFull::fail || deadline.over(now)) return no_room(**lane);
        break;
      case Going::unread:
        return only_unread(**lane);
      case Going::nowhere:
        return tl::unexpected<Error>(why);
    }
    port_->collect(**lane);
    wait::pause_for(std::min(deadline.left_ns(now), again_slice_ns));
  }
  return tl::unexpected<Error>(why);
}

/// REQUIRES: `lane` has room. Nothing of the call is left in its old cell.
void CallerCore::publish_again(const Pending& pending, LeasedLane& lane) noexcept {
  auto& old = *static_cast<LeasedLane*>(pending.lane_);
  const Ticket was{pending.cell_, pending.seq_};
  if (pending.first_seq_ == 0) pending.first_seq_ = was.seq;
  sent_again_ = pending.first_seq_;
  lane::RequestCopy room;
  Outgoing out;
  old.lane.take_request(was, pending.bytes_, pending.with_context_, room, out);
  if (old.lane.replied(was)) {
    old.lane.release(was);
  } else {
    old.lane.quarantine(was);  // until an owner has passed it
  }
  out.command = *record_;
  out.reply = pending.reply_;
  out.reply_capacity = pending.reply_.capacity;
  out.deadline_ticks = pending.deadline_ticks_;
  out.windows = pending.windows_;
  out.with_caller = options_.on_caller_exit == OnCallerExit::cancel || pending.windows_ != 0;
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
  auto& lane = *static_cast<LeasedLane*>(pending.lane_);
  const Ticket ticket{pending.cell_, pending.seq_};
  const bool answered = lane.lane.replied(ticket);
  const auto status = answered ? lane.lane.answer(ticket).status : StatusCode::not_registered;
  Deadline deadline(bus(), pending.deadline_ticks_);
  if (!may_go_on(pending)) return false;
  if (!goes_on({&lane, ticket, {}, 0, &deadline, nullptr}, status)) return false;
  Deadline now(bus(), Duration::zero());
  sends_again_ = true;
  const auto to = lane_for_publish(now);
  sends_again_ = false;
  if (!to) return may_come(to.error());
  switch (going(pending, **to)) {
    case Going::now:
      // Withdrawn for certain, or else started by somebody after all.
      if (answered || lane.lane.ask_to_cancel(ticket)) publish_again(pending, **to);
      return true;
    case Going::undecided:
    case Going::full:
      return true;
    case Going::unread:
    case Going::nowhere:
      break;
  }
  return false;
}

/// The call ends with `why`, for which it could not be sent again.
tl::unexpected<Error> CallerCore::let_go(Pending& pending, const Error& why) noexcept {
  auto& lane = *static_cast<LeasedLane*>(std::exchange(pending.lane_, nullptr));
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
