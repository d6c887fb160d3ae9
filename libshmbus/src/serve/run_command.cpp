// Running the commands of one lane: take, check, call the handler, answer, count. What a caller
// waits for comes first; what nobody waits for comes after the answer.
#include <array>
#include <cstring>

#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "lane/status_kind.hpp"
#include "serve/server_core.hpp"
#include "stats/histogram.hpp"
#include "words/extents.hpp"

namespace shmbus::detail {

std::size_t ServerCore::run_queued(serve::OwnerLane& lane, std::size_t limit) noexcept {
  Invocation& call = call_;
  call.turn_to(lane);
  const Running here(&call);  // for the calls that its handlers make
  std::size_t ran = 0;
  while (ran < limit && lane.take(call.taken) == serve::TakeResult::taken) {
    run(call);
    ++ran;
    if (lane.one_by_one()) {  // to look now would take the line from whoever reads the answer
      resting_ = &lane;
      break;
    }
  }
  return ran;
}

[[gnu::always_inline]] inline void ServerCore::run(Invocation& call) noexcept {
  SHMBUS_TESTPOINT("command.started");
  if (!guard_->was_intact()) [[unlikely]]
    return;  // what was copied from the cell may be zeros that no caller sent
  call.begin();
  const auto* entry = handlers_.find(call.taken.word().code());
  const StatusCode why = entry != nullptr ? why_not(call) : StatusCode::not_registered;
  if (why != StatusCode::ok) [[unlikely]] {
    refuse(call, why);
    return;
  }
  // The handler may remove its own name, which moves it within the table.
  auto& stats = *entry->stats;
  if (call.taken.head().has(layout::cell_flags::stamped)) [[unlikely]]
    note_time_queued(call, stats);
  const bool sampled = sampler_.due();
  const std::uint64_t began = sampled ? begin_observed(call) : 0;
  Context context(call);
  probes::start(call.target.lane_index, call.target.seq, call.request.size());
  running_ = true;
  const Status status = entry->handler(context);
  running_ = false;
  if (SHMBUS_MISTAKE("cursor.late")) call.lane->note_started();
  SHMBUS_TESTPOINT("command.ran");
  call.unusual |= call.deferred || call.target.needed != 0;
  if (call.unusual) [[unlikely]]
    before_answer(call, status);
  if (call.one_way) {
    call.lane->mark_done(call.taken.word().seq());
  } else if (!call.deferred) {
    call.target.commit_status(status);
  }
  if (sampled) [[unlikely]] {
    const std::uint64_t ended = wait::ticks();
    stats::record(stats.service_ns, attachment().rate.to_ns(ended - began));
    stats::add(stats.sampled, 1);
    observe_timed(call, status, began, ended);
  }
  stats::add(stats.commands, 1);
  stats::add(stats.bytes_in, call.request.size());
  stats::add(stats.bytes_out, call.target.size);
  if (!status.is_ok()) [[unlikely]] {
    stats::add(stats.errors, 1);
    if (!sampled) observe_failed(call, status);
  }
}

/// Why a command is not run at all, or ok.
inline StatusCode ServerCore::why_not(Invocation& call) noexcept {
  const serve::Taken& taken = call.taken;
  if (call.lane->cancel_asked(taken.cell)) [[unlikely]]
    return StatusCode::cancelled;
  const auto head = taken.head();
  if (head.plain()) [[likely]] {
    const auto* cell = reinterpret_cast<const std::byte*>(taken.words.data());
    call.request = {cell + lane::inline_offset, head.bytes};
    return StatusCode::ok;
  }
  call.unusual = true;
  if (head.has(layout::cell_flags::context)) call.begin_span();
  if (head.has(layout::cell_flags::deadline)) {
    if (wait::ticks() >= taken.words[lane::deadline_word]) return StatusCode::expired;
    call.deadline_ticks = taken.words[lane::deadline_word];
  }
  if (head.has(layout::cell_flags::with_caller)) {
    call.with_caller = true;
    probe = {};
    if (call.cancelled()) return StatusCode::cancelled;
  }
  return locate_memory(call) ? StatusCode::ok : StatusCode::malformed;
}

void ServerCore::refuse(Invocation& call, StatusCode why) noexcept {
  const std::uint32_t record = call.taken.word().code();
  if (record < handlers_.size()) stats::add(bus_->view().name_stats(record).expired, 1);
  // What stands in `request` is the last command's; what this one asked is for the record alone.
  call.unusual = true;
  if (why == StatusCode::malformed || !locate_memory(call)) call.request = {};
  keep_request(call);
  if (call.span) call.end_span(kind_of(why), 0);
  call.target.commit_code(why);
  if (call.one_way) call.lane->mark_done(call.taken.word().seq());
  const std::uint64_t now = wait::ticks();
  observe(call, why, 0, 0, now);
  look_for_taps(now);
}

/// Turns what the cell claims about memory into spans, or refuses.
bool ServerCore::locate_memory(Invocation& call) noexcept {
  const serve::Taken& taken = call.taken;
  const auto head = taken.head();
  const auto* cell = reinterpret_cast<const std::byte*>(taken.words.data());
  lane::BlockNames names;
  std::size_t at = lane::inline_offset;
  std::size_t room = head.has(layout::cell_flags::continued) ? layout::continued_request_bytes
                                                             : layout::inline_request_bytes;
  if (head.names_block()) {
    std::memcpy(&names, cell + lane::inline_offset, sizeof names);
    at = lane::inline_beside_block_offset;
    room = layout::inline_request_beside_block_bytes;
  }
  const auto& view = bus_->view();
  const layout::Party party = call.lane->party();
  if (head.has(layout::cell_flags::reply_block)) {
    call.target.block = payload::resolve(view, {names.reply_offset64, names.reply_capacity}, party);
    call.target.capacity = names.reply_capacity;
    if (call.target.block == nullptr) return false;
  }
  if (head.has(layout::cell_flags::request_block)) {
    const auto* data = payload::resolve(view, {names.request_offset64, head.bytes}, party);
    call.request = {data, head.bytes};
    return data != nullptr;
  }
  if (head.has(layout::cell_flags::context)) room = 0;
  if (head.bytes > room) return false;
  call.request = {cell + at, head.bytes};
  if (head.names_block()) {
    std::memcpy(call.aligned.data(), cell + at, head.bytes);
    call.request = {call.aligned.data(), head.bytes};
  }
  return true;
}

}  // namespace shmbus::detail
