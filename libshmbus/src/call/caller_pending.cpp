// What comes back: waiting for a pending call, turning an answer into a view or an error, giving a
// call up.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/scheduled.hpp"
#include "call/caller_core.hpp"
#include "call/reply_words.hpp"
#include "lane/status_kind.hpp"
#include "layout/limits.hpp"
#include "session/core.hpp"
#include "shmbus/relay.hpp"
#include "stats/histogram.hpp"

namespace shmbus::detail {

using lane::CallerLane;
using lane::Ticket;

Result<ReplyView> CallerCore::wait(Pending& pending) noexcept {
  if (!usable()) [[unlikely]]
    return unusable();
  // A call belongs to the command in whose handler it was made, not to the one that waits for it.
  if (this_thread.running != nullptr &&
      pending.made_for_ != EnclosingCommand::of_this_thread().id()) [[unlikely]] {
    const ScopedCurrentCommand none(nullptr);
    return wait_for(pending);
  }
  return wait_for(pending);
}

namespace {

/// Of a command that had its place in the order of all callers' commands.
std::string_view lost_place(const Error& error) noexcept {
  if (error.kind != ErrorKind::handler_died_before_start) return error.message.view();
  return "its handler is gone, and another could not run it in its place in the order of all: it "
         "was not run and will not be; send it again";
}

}  // namespace

/// Gives nothing up: wait() finds again what await() has found.
bool CallerCore::wait_ready(Pending& pending, Duration limit) noexcept {
  if (!usable()) return true;
  pending.start_clock();
  Deadline until(bus(), limit == default_timeout ? usual_timeout() : limit);
  if (pending.deadline_ticks_ < until.at()) until = Deadline(bus(), pending.deadline_ticks_);
  const Ticket ticket{pending.cell_, pending.seq_};
  const ScopedCurrentCommand none(nullptr);  // wait() looks whether it is still wanted
  return await(*static_cast<LeasedLane*>(pending.lane_), ticket, until) != Waited::timed_out ||
         ready(pending);
}

Result<ReplyView> CallerCore::wait_for(Pending& pending, StreamWait* stream) noexcept {
  Deadline deadline(bus(), pending.deadline_ticks_);
  for (;;) {
    LeasedLane& lane = *static_cast<LeasedLane*>(pending.lane_);
    const Ticket ticket{pending.cell_, pending.seq_};
    Deadline until = deadline;
    if (stream != nullptr && stream->deadline->at() < until.at()) until = *stream->deadline;
    const auto waited = stream == nullptr ? await(lane, ticket, deadline)
                                          : await_slowly(lane, ticket, until, stream->change);
    // Records that came before the answer come first.
    if (stream != nullptr && ((stream->change.there() &&
                               !(waited == Waited::answered && SHMBUS_MISTAKE("answer.first"))) ||
                              (waited == Waited::timed_out && !deadline.over(wait::ticks())))) {
      stream->ended = false;
      return ReplyView();
    }
    Published call{&lane, ticket, pending.reply_, pending.bytes_, &deadline, &pending};
    if (waited == Waited::stranded && goes_on(call, StatusCode::not_registered)) {
      const auto sent = send_again(pending, stranded().value(), deadline);
      if (!sent) return let_go(pending, sent.error());
      continue;
    }
    if (waited != Waited::answered) {
      Error error = give_up_waiting(lane, ticket, waited);
      if (pending.has_place_ && waited == Waited::stranded) error.message = lost_place(error);
      pending.lane_ = nullptr;
      pending.reply_ = {};
      if (pending.traced_) end_kept(lane, ticket.cell, error.kind, error.code);
      gate_.ended(lane.lane, ticket, error.kind);
      return tl::unexpected<Error>(error);
    }
    auto view = view_answer(call);
    if (!call.again) {
      pending.lane_ = nullptr;
      pending.reply_ = {};
      gate_.ended(lane.lane, ticket, view ? ErrorKind::none : view.error().kind);
      return view;
    }
    const auto sent = send_again(pending, view.error(), deadline);
    if (!sent) return let_go(pending, sent.error());
  }
}

Result<ReplyView> CallerCore::view_answer(Published& call) noexcept {
  LeasedLane& lane = *call.lane;
  const Ticket ticket = call.ticket;
  const Block& reply = call.reply;
  const auto answer = lane.lane.answer(ticket);
  if (!answer.ok()) [[unlikely]]
    return view_refusal(call);
  if (call.pending != nullptr && call.pending->traced_) [[unlikely]]
    end_kept(lane, ticket.cell, ErrorKind::none, 0);
  const bool in_cells = lane.lane.answer_in_cells(ticket, answer.bytes);
  std::optional<Error> error;
  ReplyView view;
  view.size_ = answer.bytes;
  if (in_cells) {
    lane.lane.load_answer(ticket, {view.inline_, answer.bytes});
  } else if (reply.data == nullptr || answer.bytes > reply.capacity) [[unlikely]] {
    error = reply_out_of_bounds().value();
  }
  lane.lane.release_blocks(ticket, reply.data != nullptr ? reply.offset64 : ~0U,
                           [this](std::uint32_t offset64) { port_->release_offset(offset64); });
  lane.lane.release(ticket);
  lane.lane.probe_answer(*record_, ticket, answer.bytes, error ? error->kind : ErrorKind::none);
  if (!bus().guard->was_intact()) [[unlikely]]
    error = unusable().value();
  if (error || in_cells) port_->release(reply);
  if (error) [[unlikely]]
    return tl::unexpected<Error>(*error);
  stats::add(lane.lane.head().counters.bytes_in, answer.bytes);
  if (!in_cells) {
    view.core_ = self();
    view.block_ = reply;
  }
  return view;
}

Result<ReplyView> CallerCore::view_refusal(Published& call) noexcept {
  const auto words = call.lane->lane.take_reply(call.ticket);
  const Error error = bus().guard->was_intact() ? error_of_reply(words) : unusable().value();
  if (goes_on(call, status_in(words))) {
    call.again = true;
    return call.pending == nullptr ? wait_on(call) : tl::unexpected<Error>(error);
  }
  CallerLane& lane = call.lane->lane;
  if (call.pending != nullptr && call.pending->traced_) {
    end_kept(*call.lane, call.ticket.cell, error.kind, error.code);
  }
  // The reply's block is the cell's too.
  lane.release_blocks(call.ticket, ~0U,
                      [this](std::uint32_t offset64) { port_->release_offset(offset64); });
  lane.release(call.ticket);
  lane.probe_answer(*record_, call.ticket, lane::ReplyHead::unpack(words[1]).bytes, error.kind);
  stats::add(lane.head().counters.errors, 1);
  return tl::unexpected<Error>(error);
}

bool CallerCore::ready(const Pending& pending) noexcept {
  if (!usable() || pending.lane_ == nullptr) return true;
  const auto& lane = *static_cast<LeasedLane*>(pending.lane_);
  const Ticket ticket{pending.cell_, pending.seq_};
  if (lane.lane.replied(ticket)) {
    return lane.lane.answer(ticket).ok() || !move_on(pending);
  }
  if (nobody_will_serve(lane) && !owed_by_replaced(lane, pending.seq_)) return !move_on(pending);
  // Only an explicit deadline: the default one starts when wait() does.
  return pending.deadline_ticks_ != 0 && wait::ticks() >= pending.deadline_ticks_;
}

void CallerCore::cancel(Pending& pending) noexcept {
  if (!usable() || pending.lane_ == nullptr) return;
  pending.cancel_asked_ = true;
  static_cast<LeasedLane*>(pending.lane_)->lane.ask_to_cancel({pending.cell_, pending.seq_});
}

/// Nobody will ask for the answer: let the cell and its memory come back when it is there.
void CallerCore::give_up(Pending& pending) noexcept {
  if (pending.lane_ == nullptr || !may_give_back()) return;
  auto& lane = *static_cast<LeasedLane*>(std::exchange(pending.lane_, nullptr));
  lane.lane.quarantine({pending.cell_, pending.seq_});
  if (pending.traced_) end_kept(lane, pending.cell_, ErrorKind::cancelled, 0);
  port_->collect(lane);
}

void CallerCore::give_back(Block& block) noexcept {
  if (block.data == nullptr || !may_give_back()) return;
  port_->release(block);
  block = {};
}

namespace {

std::string_view body_text(const lane::CellWords& words) noexcept {
  const auto bytes = lane::ReplyHead::unpack(words[1]).bytes;
  const auto text = inline_reply(words, std::min<std::size_t>(bytes, layout::inline_reply_bytes));
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

}  // namespace

Error error_of_reply(const lane::CellWords& words) noexcept {
  const auto head = lane::ReplyHead::unpack(words[1]);
  const StatusCode code = status_in(words);
  Error error{kind_of(code), 0, 0, {}};
  switch (code) {
    case StatusCode::rejected:
    case StatusCode::not_permitted:
    case StatusCode::overloaded:
    case StatusCode::invalid_argument:
      error.code = static_cast<std::int32_t>(head.detail);
      error.message = body_text(words);
      break;
    case StatusCode::rejected_because: {
      error.code = static_cast<std::int32_t>(head.detail);
      const auto body = body_text(words);
      const std::size_t size = body.empty() ? 0 : static_cast<unsigned char>(body[0]);
      if (size >= body.size()) break;  // no correct handler sends that: then without causes
      error.causes = Causes::parse(body.substr(1, size));
      error.message = body.substr(1 + size);
      take_off_relay(error);
      break;
    }
    case StatusCode::handler_died:
      error.message = "the handler died while it ran this command: its outcome is unknown";
      break;
    case StatusCode::expired:
      error.message = "the deadline passed before the handler got to it: it was not run";
      error.never_ran = true;
      break;
    case StatusCode::cancelled:
      error.message = "cancelled before it was started";
      break;
    case StatusCode::not_registered:
      error.message = "the handler gave this name up before it got to the command: it was not run";
      break;
    case StatusCode::reply_too_large:
      error.needed = head.detail;
      error.message.append("the reply needs room for ").append(head.detail).append(" bytes");
      break;
    case StatusCode::abandoned:
      error.message = "the handler dropped the command without an answer";
      break;
    default:
      error.message = "the two processes disagree about this command's cell";
      break;
  }
  return error;
}

}  // namespace shmbus::detail
