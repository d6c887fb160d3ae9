// What a server tells the flight recorder of the commands that it runs. Called for those that are
// sampled, failed or refused; while somebody taps, the sampler takes every command.
#include <algorithm>

#include "recorder/recorder.hpp"
#include "serve/server_core.hpp"
#include "stats/histogram.hpp"

namespace shmbus::detail {

/// One look at what taps ask for. The process that polls looks here when it found nothing to do,
/// when it wakes, and at each sampled command: a busy server notices a tap some thirty commands
/// late.
void ServerCore::look_for_taps(std::uint64_t now) noexcept {
  call_.observed.wish = recorder::tap_wish(attachment(), now);
  if (call_.observed.wish.events) sampler_.next_is_due();
}

/// From the publish to now. The stamp is the caller's word: one that lies ahead is no time at all.
void ServerCore::note_time_queued(Invocation& call, layout::NameStats& stats) noexcept {
  const std::uint64_t published = call.lane->published_at(call.taken);
  const std::uint64_t now = wait::ticks();
  if (published > now) return;
  call.observed.queued_ns = attachment().rate.to_ns(now - published);
  call.observed.queued_seq = call.taken.word().seq();
  call.observed.queued_lane = call.lane->index();
  stats::record(stats.queue_ns, call.observed.queued_ns);
}

/// What lies in the caller's memory, while it still is as the handler sees it.
void ServerCore::keep_request(Invocation& call) noexcept {
  call.observed.kept = call.taken.head().has(layout::cell_flags::request_block);
  if (!call.observed.kept) return;
  const auto start =
      call.request.first(std::min(call.request.size(), call.observed.excerpt.size()));
  std::copy(start.begin(), start.end(), call.observed.excerpt.begin());
  const bool whole = call.observed.wish.events && call.observed.wish.payload;
  call.observed.spilled = whole ? recorder::spill(bus_->view(), call.request) : 0;
}

std::uint64_t ServerCore::begin_observed(Invocation& call) noexcept {
  keep_request(call);
  return wait::ticks();
}

void ServerCore::before_answer(Invocation& call, const Status& status) noexcept {
  call.token.reset();
  if (call.span) call.end_span(status);
  if (!status.is_ok() && !call.observed.kept) keep_request(call);
}

/// `began` is 0 when its time was not taken.
void ServerCore::observe(Invocation& call, StatusCode outcome, std::uint32_t detail,
                         std::uint64_t began, std::uint64_t ended) noexcept {
  using namespace recorder::event_flags;
  const auto& view = bus_->view();
  recorder::Event event;
  event.kind = recorder::Kind::served;
  event.flags = static_cast<std::uint8_t>(
      (call.one_way ? one_way : 0) | (call.deferred ? deferred : 0) | (began != 0 ? timed : 0) |
      (call.observed.after_sleep ? after_sleep : 0));
  event.outcome = static_cast<std::uint16_t>(outcome);
  event.record = static_cast<std::uint16_t>(call.taken.word().code());
  event.lane = static_cast<std::uint16_t>(call.lane->index());
  event.endpoint = static_cast<std::uint16_t>(call.lane->adopted_word().endpoint());
  event.caller = call.lane->party();
  event.handler = attachment().me;
  event.started_at = began != 0 ? began : ended;
  event.duration_ns = began != 0 ? attachment().rate.to_ns(ended - began) : 0;
  const bool queue_known = call.observed.queued_seq == call.taken.word().seq() &&
                           call.observed.queued_lane == call.lane->index();
  event.queued_ns = queue_known ? call.observed.queued_ns : 0;
  const auto head = call.taken.head();
  event.bytes_in = head.has(layout::cell_flags::request_window) ? 0 : head.bytes;
  event.bytes_out = call.deferred || outcome == StatusCode::malformed ? 0 : call.target.size;
  event.detail = detail;
  const bool whole = call.observed.wish.events && call.observed.wish.payload;
  if (call.observed.kept) {
    event.excerpt = call.observed.excerpt;
    event.spilled = call.observed.spilled;
  } else if (!call.taken.head().has(layout::cell_flags::request_block)) {
    event.set_excerpt(call.request);
    if (whole && call.request.size() > event.excerpt.size()) {
      event.spilled = recorder::spill(view, call.request);
    }
  }
  call.observed.after_sleep = call.observed.kept = false;
  recorder::record(view, attachment().me.index(), event);
  if (call.observed.wish.events) recorder::tell_tap(view, event);
}

/// A command that was timed: also the moment to look whether somebody taps.
void ServerCore::observe_timed(Invocation& call, const Status& status, std::uint64_t began,
                               std::uint64_t ended) noexcept {
  observe(call, call.target.needed != 0 ? StatusCode::reply_too_large : serve::code_of(status),
          static_cast<std::uint32_t>(status.code()), began, ended);
  look_for_taps(ended);
}

void ServerCore::observe_failed(Invocation& call, const Status& status) noexcept {
  observe(call, serve::code_of(status), static_cast<std::uint32_t>(status.code()), 0,
          wait::ticks());
}

}  // namespace shmbus::detail
