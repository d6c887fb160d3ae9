#include "call/caller_core.hpp"

#include <cstring>
#include <utility>

#include "call/reply_words.hpp"
#include "layout/limits.hpp"
#include "os/futex.hpp"
#include "session/core.hpp"
#include "stats/histogram.hpp"

namespace shmbus::detail {

using lane::Outgoing;
using lane::Ticket;

CallerCore::CallerCore(std::shared_ptr<Port> port, const CommandName& name,
                       const CallerOptions& options, const Schema& schema)
    : thread_(&this_thread),
      guard_(port->bus().attachment().guard),
      port_(std::move(port)),
      bus_(&port_->bus().attachment()),
      name_text_(name.text),
      name_(name),
      options_(options),
      schema_(schema) {
  name_.text = name_text_;
  spin_ = wait::SpinBudget(options.wait, bus().rate.from_ns(wait::spin_max_ns));
  trace_ratio_ = options.trace_ratio >= 0 ? options.trace_ratio : port_->bus().trace_ratio();
}

CallerCore::~CallerCore() = default;

/// REQUIRES: !usable().
tl::unexpected<Error> CallerCore::unusable() const noexcept {
  if (!bus().intact()) return port_->bus().not_intact();
  return fail(ErrorKind::wrong_thread,
              "a caller belongs to the thread that made it: make one in this thread");
}

/// Publishes, and under global order does not return before the command has its place. Its memory
/// is the cell's from here on, also when there is an error.
Result<Ticket> CallerCore::commit(LeasedLane& lane, const Outgoing& out,
                                  Deadline& deadline) noexcept {
  const Ticket ticket = lane.lane.publish(out);
  if (lane.lane.ticket_pending() && !wait_for_turn(lane, ticket, deadline)) [[unlikely]]
    return not_registered();
  return ticket;
}

/// Small requests and replies ride in a cell or two, larger ones lie in blocks.
Result<Ticket> CallerCore::publish(LeasedLane& lane, Outgoing& out,
                                   std::span<const std::byte> request, std::size_t reply_capacity,
                                   Deadline& deadline, trace::CallSpan& span) noexcept {
  out.command = *record_;
  out.deadline_ticks = deadline.travelling();
  out.with_caller = options_.on_caller_exit == OnCallerExit::cancel;
  const bool pair = !lane::CallerLane::fits_cell(request.size(), reply_capacity) &&
                    lane::CallerLane::fits_pair(request.size(), reply_capacity) &&
                    lane.lane.free_cells() > 1 && !span.travels;
  if (!pair && reply_capacity > layout::inline_reply_bytes) {
    auto block = allocate(reply_capacity, deadline);
    if (!block) return tl::unexpected<Error>(block.error());
    out.reply = *block;
    out.reply_capacity = static_cast<std::uint32_t>(reply_capacity);
  }
  const std::size_t room = out.reply.data != nullptr ? layout::inline_request_beside_block_bytes
                                                     : layout::inline_request_bytes;
  const bool fits = pair || request.size() <= room;
  if (span.travels) [[unlikely]] {
    span.travels = make_way_for_context(out, request, fits);
    if (span.travels) out.context = &span.cell;
  }
  if (out.request.data != nullptr) {
    // It has made way.
  } else if (fits) {
    out.inline_bytes = request;
    out.paired = pair;
  } else {
    auto block = allocate_second(request.size(), out.reply, reply_capacity, deadline);
    if (!block) return tl::unexpected<Error>(block.error());
    std::memcpy(block->data, request.data(), request.size());
    out.request = *block;
    out.request_bytes = static_cast<std::uint32_t>(request.size());
  }
  if (span.sampled()) span.published = wait::ticks();
  return commit(lane, out, deadline);
}

/// `again`: its handler went before it started it, and this caller waits for the next one.
Result<std::size_t> CallerCore::call_once(LeasedLane& lane, std::span<const std::byte> request,
                                          std::span<std::byte> reply, Deadline& deadline,
                                          trace::CallSpan& span, bool& again) noexcept {
  Outgoing out;
  out.stamp = stamp_if_due(lane);
  const auto ticket = publish(lane, out, request, reply.size(), deadline, span);
  if (!ticket) {
    again = goes_on(ticket.error(), deadline);
    return tl::unexpected<Error>(ticket.error());
  }
  lane.lane.notify();
  auto& counters = lane.lane.head().counters;
  stats::add(counters.calls, 1);
  stats::add(counters.bytes_out, request.size());
  gate_.sent(lane.lane, *ticket);
  const auto waited = await(lane, *ticket, deadline);
  if (waited == Waited::answered && out.stamp != 0) record_round_trip(lane, *ticket, out.stamp);
  Result<std::size_t> result =
      waited == Waited::answered
          ? finish_call(lane, *ticket, out.request, out.reply, reply)
          : Result<std::size_t>(tl::unexpected<Error>(give_up_waiting(lane, *ticket, waited)));
  again = !result && lane.lane.newest() == ticket->seq && goes_on(result.error(), deadline);
  if (again) {
    gate_.again(lane.lane, *ticket);
    return result;
  }
  if (span.travels) end_span(span, lane, *ticket, result ? nullptr : &result.error());
  gate_.ended(lane.lane, *ticket, result ? ErrorKind::none : result.error().kind);
  return result;
}

Result<std::size_t> CallerCore::call_in_span(std::span<const std::byte> request,
                                             std::span<std::byte> reply, Duration timeout,
                                             trace::CallSpan span) noexcept {
  Deadline deadline = deadline_for(timeout);
  const auto ready = lane_for(deadline, timeout, policy::Kind::call);
  if (!ready) return tl::unexpected<Error>(ready.error());
  bool again = false;
  auto result = call_once(**ready, request, reply, deadline, span, again);
  if (again) [[unlikely]]
    result = call_on(request, reply, deadline, span);
  return result;
}

/// A slow call was recorded by the wait for it already.
void CallerCore::record_round_trip(LeasedLane& lane, Ticket ticket, std::uint64_t began) noexcept {
  if (lane.recorded_seq == ticket.seq) return;
  stats::record(bus().view.lane_latency(lane.lane.index()).round_trip_ns,
                bus().rate.to_ns(wait::ticks() - began));
}

Result<std::size_t> CallerCore::finish_call(LeasedLane& lane, Ticket ticket, const Block& request,
                                            const Block& reply,
                                            std::span<std::byte> into) noexcept {
  const auto answer = lane.lane.answer(ticket);
  const bool in_cells = lane.lane.answer_in_cells(ticket, answer.bytes);
  auto& counters = lane.lane.head().counters;
  Result<std::size_t> result = answer.bytes;
  if (!answer.ok()) {
    stats::add(counters.errors, 1);
    result = tl::unexpected<Error>(error_of_reply(lane.lane.take_reply(ticket)));
  } else if (answer.bytes > into.size()) {
    result = in_cells ? reply_too_large(answer.bytes) : reply_out_of_bounds();
  } else if (in_cells) {
    lane.lane.load_answer(ticket, into.first(answer.bytes));
  } else if (reply.data != nullptr) {
    std::memcpy(into.data(), reply.data, answer.bytes);
  } else {
    result = reply_out_of_bounds();
  }
  if (!bus().guard->was_intact()) [[unlikely]]
    result = unusable();
  if (result) stats::add(counters.bytes_in, answer.bytes);
  lane.lane.release(ticket);
  lane.lane.probe_answer(*record_, ticket, answer.bytes, result);
  port_->release(request);
  port_->release(reply);
  return result;
}

Pending CallerCore::make_pending(LeasedLane& lane, Ticket ticket, const Outgoing& out,
                                 const Deadline& deadline, const trace::CallSpan& span) noexcept {
  Pending pending;
  pending.core_ = self();
  pending.lane_ = &lane;
  pending.seq_ = ticket.seq;
  pending.cell_ = ticket.cell;
  pending.deadline_ticks_ = deadline.at();
  pending.reply_ = out.reply;
  pending.bytes_ = out.request.data != nullptr
                       ? out.request_bytes
                       : static_cast<std::uint32_t>(out.inline_bytes.size());
  pending.era_ = era_;
  pending.with_context_ = out.context != nullptr;
  pending.has_place_ = lane.lane.ordered();
  if (this_thread.running != nullptr) [[unlikely]]
    pending.made_for_ = EnclosingCommand::of_this_thread().id();
  gate_.sent(lane.lane, ticket);
  if (span.sampled()) [[unlikely]]
    keep_span(span, pending);
  return pending;
}

Result<Pending> CallerCore::start(std::span<const std::byte> request, std::size_t reply_capacity,
                                  Duration timeout, Notify notify) noexcept {
  if (!usable()) [[unlikely]]
    return unusable();
  if (!enclosing_wanted()) return cancelled_error();
  trace::CallSpan span = begin_span();
  Deadline deadline = deadline_for(timeout);
  const auto lane = lane_for(deadline, timeout, policy::Kind::call);
  if (!lane) return tl::unexpected<Error>(lane.error());
  Outgoing out;
  out.stamp = stamp_if_due(**lane);
  const auto ticket = publish(**lane, out, request, reply_capacity, deadline, span);
  if (!ticket) return tl::unexpected<Error>(ticket.error());
  if (notify == Notify::now) (*lane)->lane.notify();
  stats::add((*lane)->lane.head().counters.calls, 1);
  stats::add((*lane)->lane.head().counters.bytes_out, request.size());
  return make_pending(**lane, *ticket, out, deadline, span);
}

Result<std::uint64_t> CallerCore::send_in_span(std::span<const std::byte> request, Notify notify,
                                               Duration timeout, trace::CallSpan span) noexcept {
  const ScopedCurrentCommand alone(nullptr);  // nobody waits for it: it inherits nothing else
  Deadline deadline(bus(), timeout);
  const auto lane = lane_for(deadline, timeout, policy::Kind::send);
  if (!lane) return tl::unexpected<Error>(lane.error());
  Outgoing out;
  out.one_way = true;
  out.stamp = stamp_if_due(**lane);
  const auto ticket = publish(**lane, out, request, 0, deadline, span);
  if (!ticket) return tl::unexpected<Error>(ticket.error());
  if (span.travels) end_sent(span, **lane, *ticket);
  if (notify == Notify::now) (*lane)->lane.notify();
  stats::add((*lane)->lane.head().counters.sends, 1);
  stats::add((*lane)->lane.head().counters.bytes_out, request.size());
  return ticket->seq;
}

Result<void> CallerCore::flush() noexcept {
  if (!usable()) [[unlikely]]
    return unusable();
  if (lane_ == nullptr) return {};
  if (!lane_->retired) lane_->lane.notify();
  port_->collect_all();  // also the lanes to where the name has been
  withdraw_if_moved();
  return {};
}

void CallerCore::on_lost(OnLost callback, void* user) noexcept {
  if (!usable()) return;
  on_lost_ = callback;
  on_lost_user_ = user;
  if (lane_ == nullptr) return;
  lane_->on_lost = callback;
  lane_->on_lost_user = user;
}

std::uint64_t CallerCore::lost() const noexcept {
  if (balanced_) return balance_->lost();
  return lane_ == nullptr ? 0 : lane_->lost;
}

}  // namespace shmbus::detail
