// Calls that belong to a trace, or are made again: what their cells say of it, and their spans.
#include <cstring>

#include "call/caller_core.hpp"
#include "layout/limits.hpp"
#include "session/core.hpp"

namespace shmbus::detail {

/// A call inside a handler begins no trace: the process that sent the command has decided that
/// already.
trace::CallSpan CallerCore::begin_span() const noexcept {
  const bool could_begin = trace_ratio_ > 0 && this_thread.running == nullptr;
  if (this_thread.watchful == 0 && !could_begin) [[likely]]
    return {};
  return trace::begin_call(trace::here(options_.inherit != Inherit::nothing), trace_ratio_);
}

/// The context takes the place of what would be inline. False: there is no memory for what has to
/// give way, and rather than wait for it, or fail, the command goes without its context.
bool CallerCore::make_way_for_context(lane::Outgoing& out, std::span<const std::byte> request,
                                      bool fits) noexcept {
  if (request.empty() || !fits) return true;  // a block is needed in any case
  const auto block = port_->allocate(request.size());
  if (!block) return false;
  std::memcpy(block->data, request.data(), request.size());
  out.request = *block;
  out.request_bytes = static_cast<std::uint32_t>(request.size());
  return true;
}

trace::CommandId CallerCore::id_of(const LeasedLane& lane, lane::Ticket ticket) const noexcept {
  return {*record_, lane.lane.endpoint_index(), lane.lane.index(), ticket.seq, bus().me};
}

void CallerCore::end_span(const trace::CallSpan& span, const LeasedLane& lane, lane::Ticket ticket,
                          const Error* error) noexcept {
  trace::end_call(bus(), span, trace::SpanKind::client, id_of(lane, ticket),
                  error != nullptr ? error->kind : ErrorKind::none,
                  error != nullptr ? error->code : 0);
}

void CallerCore::end_sent(const trace::CallSpan& span, const LeasedLane& lane,
                          lane::Ticket ticket) noexcept {
  trace::end_call(bus(), span, trace::SpanKind::producer, id_of(lane, ticket), ErrorKind::none, 0);
}

void CallerCore::keep_span(const trace::CallSpan& span, Pending& pending) noexcept {
  auto& lane = *static_cast<LeasedLane*>(pending.lane_);
  const lane::Ticket ticket{pending.cell_, pending.seq_};
  pending.traced_ =
      lane.open_calls.put(pending.cell_, lane.lane.cells(), {span, id_of(lane, ticket)});
}

void CallerCore::end_kept(const LeasedLane& lane, std::uint32_t cell, ErrorKind error,
                          std::int32_t code) noexcept {
  const auto& open = lane.open_calls.at(cell);
  trace::end_call(bus(), open.span, trace::SpanKind::client, open.command, error, code);
}

}  // namespace shmbus::detail
