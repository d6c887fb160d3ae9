// Commands of callers whose lane is at hand and whose name asks for nothing: no clock, no lock, no
// allocation. Everything else is in caller_core.cpp. One file from the public call down to the
// store, so that the compiler sees all of it.
#include <algorithm>
#include <cstring>

#include "call/caller_core.hpp"
#include "layout/limits.hpp"
#include "session/core.hpp"
#include "session/empty_handle.hpp"
#include "stats/histogram.hpp"

namespace shmbus {

namespace detail {

using lane::CallerLane;
using lane::Ticket;
using layout::Phase;

namespace {

/// Request and reply up to here share a block.
constexpr std::size_t shared_block_max = 4096;

constexpr std::size_t whole_lines(std::size_t bytes) noexcept {
  return (bytes + layout::line_bytes - 1) / layout::line_bytes * layout::line_bytes;
}

}  // namespace

/// A call that was just published, to its end. `block` holds its request, or is none; `load(bytes)`
/// copies an answer of that size, which the reply has room for, out of where it lies.
template <class Load>
[[gnu::always_inline]] inline Result<std::size_t> CallerCore::end_fast_call(
    LeasedLane& lane, Ticket ticket, const FastCall& call, const Block& block, Load load) noexcept {
  CallerLane& to = lane.lane;
  Deadline deadline(*bus_, std::uint64_t{0});
  if (call.ordered && !take_turn(lane, ticket)) [[unlikely]]
    return after_fast(not_registered(), to.newest() == ticket.seq, call, deadline);
  wait::light_publisher_fence();  // SYNC lane.notice
  if (to.notice_is_due()) [[unlikely]]
    to.ring();
  auto& counters = to.head().counters;
  stats::add(counters.calls, 1);
  stats::add(counters.bytes_out, call.request.size());
  if (const auto waited = await(lane, ticket, deadline); waited != Waited::answered) [[unlikely]] {
    return after_fast(tl::unexpected<Error>(give_up_waiting(lane, ticket, waited)),
                      to.newest() == ticket.seq, call, deadline);
  }
  if (call.began != 0) [[unlikely]]
    record_round_trip(lane, ticket, call.began);
  const auto answer = to.answer(ticket);
  if (!answer.ok() || answer.bytes > call.reply.size()) [[unlikely]] {
    return after_fast(finish_call(lane, ticket, block, {}, call.reply), to.newest() == ticket.seq,
                      call, deadline);
  }
  load(answer.bytes);
  if (!guard_->was_intact()) [[unlikely]]
    return unusable();
  stats::add(counters.bytes_in, answer.bytes);
  to.release(ticket);
  port_->release(block);
  to.probe_answer(*record_, ticket, answer.bytes, ErrorKind::none);
  return answer.bytes;
}

[[gnu::always_inline]] inline Result<std::size_t> CallerCore::call_fast(
    LeasedLane& lane, std::span<const std::byte> request, std::span<std::byte> reply) noexcept {
  CallerLane& to = lane.lane;
  const bool one_cell = CallerLane::fits_cell(request.size(), reply.size());
  if (!one_cell && !CallerLane::fits_pair(request.size(), reply.size())) {
    return call_by_block(lane, request, reply);
  }
  const bool ordered = to.ordered();
  if (ordered && !to.inbox_has_room()) [[unlikely]]
    return call_in_span(request, reply, default_timeout, {});
  const FastCall call{stamp_if_due(lane), ordered, request, reply};
  const Ticket ticket = one_cell ? to.publish_cell(*record_, Phase::request, request, call.began)
                                 : to.publish_pair(*record_, Phase::request, request, call.began);
  return end_fast_call(lane, ticket, call, {},
                       [&](std::size_t bytes) { to.load_answer(ticket, reply.first(bytes)); });
}

/// Request and reply in one block, each in a half of its own. The halves change places from call to
/// call, so each side writes what it has read last (docs/decisions/0005-order-of-reuse.md).
Result<std::size_t> CallerCore::call_by_block(LeasedLane& lane, std::span<const std::byte> request,
                                              std::span<std::byte> reply) noexcept {
  CallerLane& to = lane.lane;
  const bool far_reply = reply.size() > layout::inline_reply_bytes;
  const std::size_t half = whole_lines(std::max(request.size(), far_reply ? reply.size() : 0));
  std::optional<Block> block;
  const bool ordered = to.ordered();
  if ((!far_reply || half <= shared_block_max) && (!ordered || to.inbox_has_room())) {
    block = port_->allocate_at_once(far_reply ? 2 * half : half);
  }
  if (!block) [[unlikely]]
    return call_in_span(request, reply, default_timeout, {});
  upper_half_ = far_reply && !upper_half_;
  std::byte* const reply_at = block->data + (upper_half_ ? 0 : half);
  const auto half64 = static_cast<std::uint32_t>(half / payload::block_unit);
  std::copy(request.begin(), request.end(), block->data + (upper_half_ ? half : 0));
  const FastCall call{stamp_if_due(lane), ordered, request, reply};
  const Ticket ticket = to.publish_block(
      *record_,
      {block->offset64, block->offset64 + (upper_half_ ? half64 : 0),
       static_cast<std::uint32_t>(request.size()), block->offset64 + (upper_half_ ? 0 : half64),
       far_reply ? static_cast<std::uint32_t>(reply.size()) : 0},
      call.began);
  return end_fast_call(lane, ticket, call, *block, [&](std::size_t bytes) {
    if (bytes <= layout::inline_reply_bytes) {
      to.load_answer(ticket, reply.first(bytes));
    } else {
      std::memcpy(reply.data(), reply_at, bytes);
    }
  });
}

Result<std::size_t> CallerCore::call_slow(std::span<const std::byte> request,
                                          std::span<std::byte> reply, Duration timeout) noexcept {
  if (!usable()) return unusable();
  if (!enclosing_wanted()) return cancelled_error();
  const trace::CallSpan span = begin_span();
  if (!span.travels && trace_ratio_ > 0 && fast_call(untraced_lane_, timeout)) {
    return call_fast(*untraced_lane_, request, reply);
  }
  return call_in_span(request, reply, timeout, span);
}

/// In one cell or two, timed or not, in whichever order.
Result<std::uint64_t> CallerCore::send_fast(LeasedLane& lane, std::span<const std::byte> request,
                                            Notify notify) noexcept {
  CallerLane& to = lane.lane;
  const bool ordered = to.ordered();
  if (!CallerLane::fits_pair(request.size(), 0) || (ordered && !to.inbox_has_room())) [[unlikely]] {
    return send_in_span(request, notify, default_timeout, {});
  }
  const std::uint64_t stamp = stamp_if_due(lane);
  const Ticket ticket = CallerLane::fits_cell(request.size(), 0)
                            ? to.publish_cell(*record_, Phase::send, request, stamp)
                            : to.publish_pair(*record_, Phase::send, request, stamp);
  if (ordered && !take_turn(lane, ticket)) [[unlikely]]
    return not_registered();
  if (notify == Notify::now) to.notify();
  stats::add(to.head().counters.sends, 1);
  stats::add(to.head().counters.bytes_out, request.size());
  return ticket.seq;
}

Result<std::uint64_t> CallerCore::notified(CallerLane& lane, std::uint64_t seq) noexcept {
  lane.ring();
  return seq;
}

Result<std::uint64_t> CallerCore::send_slow(std::span<const std::byte> request, Notify notify,
                                            Duration timeout) noexcept {
  if (!usable()) return unusable();
  const trace::CallSpan span = begin_span();
  if (!span.travels && trace_ratio_ > 0 && fast(untraced_lane_, timeout)) {
    return send_fast(*untraced_lane_, request, notify);
  }
  return send_in_span(request, notify, timeout, span);
}

[[gnu::always_inline]] inline Result<std::size_t> CallerCore::call(
    std::span<const std::byte> request, std::span<std::byte> reply, Duration timeout) noexcept {
  LeasedLane* const lane = fast_lane_;
  if (!fast_call(lane, timeout)) [[unlikely]]
    return call_slow(request, reply, timeout);
  return call_fast(*lane, request, reply);
}

[[gnu::always_inline]] inline Result<std::uint64_t> CallerCore::send(
    std::span<const std::byte> request, Notify notify, Duration timeout) noexcept {
  LeasedLane* const lane = fast_lane_;
  if (!fast(lane, timeout)) [[unlikely]]
    return send_slow(request, notify, timeout);
  if (!CallerLane::fits_cell(request.size(), 0) || lane->lane.ordered() || !lane->sampler.pass()) {
    return send_fast(*lane, request, notify);
  }
  return send_in_cell(lane->lane, *record_, request, notify);
}

/// The rest of send() with the little that it needs: it keeps nothing on the stack.
Result<std::uint64_t> CallerCore::send_in_cell(CallerLane& lane, std::uint32_t name,
                                               std::span<const std::byte> request,
                                               Notify notify) noexcept {
  auto& counters = lane.head().counters;
  const std::uint64_t seq = lane.publish_cell(name, Phase::send, request, 0).seq;
  stats::add(counters.sends, 1);
  stats::add(counters.bytes_out, request.size());
  wait::light_publisher_fence();  // SYNC lane.notice
  if (notify == Notify::now && lane.notice_is_due()) [[unlikely]]
    return notified(lane, seq);
  return seq;
}

/// As many as there is room for, none of them timed. REQUIRES: fast(), room for one, none is
/// ordered, each fits a cell.
std::size_t CallerCore::send_run(LeasedLane& lane, const std::byte* requests, std::size_t each,
                                 std::size_t wanted) noexcept {
  CallerLane& to = lane.lane;
  const std::size_t run =
      std::min({wanted, std::size_t{to.free_cells()} - 1, std::size_t{lane.sampler.untimed()}});
  to.publish_run(*record_, requests, each, run);
  lane.sampler.pass(static_cast<std::uint32_t>(run));
  auto& counters = to.head().counters;
  stats::add(counters.sends, run);
  stats::add(counters.bytes_out, run * each);
  return run;
}

Result<std::size_t> CallerCore::send_many(std::span<const std::byte> requests, std::size_t each,
                                          Notify notify, Duration timeout) noexcept {
  if (each == 0 || requests.size() % each != 0) {
    return fail(ErrorKind::invalid_argument,
                "send_many: the size of `requests` is not a multiple of `each`");
  }
  const std::size_t wanted = requests.size() / each;
  std::size_t sent = 0;
  while (sent < wanted) {
    LeasedLane* const lane = fast_lane_;
    const auto rest = requests.subspan(sent * each);
    if (fast(lane, timeout) && CallerLane::fits_cell(each, 0) && !lane->lane.ordered() &&
        lane->sampler.untimed() != 0) [[likely]] {
      sent += send_run(*lane, rest.data(), each, wanted - sent);
      continue;
    }
    const auto one = send(rest.first(each), Notify::later, timeout);  // wakes a handler if it waits
    if (!one && sent == 0) return tl::unexpected<Error>(one.error());
    if (!one) break;
    ++sent;
  }
  if (notify == Notify::now && lane_ != nullptr && !lane_->retired) lane_->lane.notify();
  return sent;
}

}  // namespace detail

Result<std::size_t> RawCaller::call(std::span<const std::byte> request, std::span<std::byte> reply,
                                    Duration timeout) noexcept {
  if (!core_) [[unlikely]]
    return detail::empty_handle<std::size_t>();
  return core_->call(request, reply, timeout);
}

Result<std::uint64_t> RawCaller::send(std::span<const std::byte> request, Notify notify,
                                      Duration timeout) noexcept {
  if (!core_) [[unlikely]]
    return detail::empty_handle<std::uint64_t>();
  return core_->send(request, notify, timeout);
}

Result<std::size_t> RawCaller::send_many(std::span<const std::byte> requests, std::size_t each,
                                         Notify notify, Duration timeout) noexcept {
  if (!core_) [[unlikely]]
    return detail::empty_handle<std::size_t>();
  return core_->send_many(requests, each, notify, timeout);
}

}  // namespace shmbus
