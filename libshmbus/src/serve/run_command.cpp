// Running the commands of one lane: take, check, call the handler, answer, count. What a caller
// waits for comes first; what nobody waits for comes after the answer.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "lane/status_kind.hpp"
#include "serve/server_core.hpp"
#include "stats/histogram.hpp"
#include "words/extents.hpp"

namespace shmbus::detail {

using layout::CellWord;
using layout::Phase;

std::size_t ServerCore::run_queued(serve::OwnerLane& lane, std::size_t limit) {
  Invocation& call = call_;
  call.turn_to(lane);
  const ScopedCurrentCommand here(&call);  // for the calls that its handlers make
  std::size_t ran = 0;
  const bool light = !wait::publishers_fence();
  CellWord word;
  lane::RequestHead head;
  while (ran < limit) {
    const auto shape = light ? lane.next_shape() : serve::OwnerLane::Shape{Phase::free, false};
    std::size_t plain = 0;
    if (shape.phase == Phase::request) {
      plain = shape.paired ? run_plain<Phase::request, true>(lane, limit - ran)
                           : run_plain<Phase::request, false>(lane, limit - ran);
    } else if (shape.phase == Phase::send) {
      plain = shape.paired ? run_plain<Phase::send, true>(lane, limit - ran)
                           : run_plain<Phase::send, false>(lane, limit - ran);
    }
    if (plain == 0) {
      if (lane.take(call.taken, word, head) != serve::TakeResult::taken) break;
      run(call, word, head);
      plain = 1;
    }
    ran += plain;
    if (lane.lockstep()) {  // to look now would take the line from the process that reads the
                            // answer
      just_answered_ = &lane;
      break;
    }
  }
  return ran;
}

/// Runs commands of one shape while take_plain() finds them. A function for each: the compiler then
/// keeps in registers what matters. Returns how many.
template <Phase Wanted, bool Paired>
std::size_t ServerCore::run_plain(serve::OwnerLane& lane, std::size_t limit) {
  constexpr bool one_way = Wanted == Phase::send;
  Invocation& call = call_;
  std::size_t ran = 0;
  std::uint64_t word = 0;
  std::uint32_t bytes = 0;
  while (ran < limit && lane.take_plain<Wanted, Paired>(call.taken, word, bytes)) {
    ++ran;
    const auto* entry = handlers_.find(CellWord{word}.code());
    if (entry == nullptr || lane.cancels_near(call.taken.cell) || !sampler_.pass()) [[unlikely]] {
      if (!Paired) call.taken.second = nullptr;
      run(call, {word}, call.taken.head());
      if (!one_way) break;
      continue;
    }
    SHMBUS_TESTPOINT("command.started");
    if (!guard_->was_intact()) [[unlikely]]
      break;  // what was copied from the cell may be zeros that no caller sent
    call.begin_plain<Wanted, Paired>(CellWord{word}.seq());
    const auto* cell = reinterpret_cast<const std::byte*>(call.taken.words.data());
    call.request = {cell + lane::inline_offset, bytes};
    // The handler may remove its own name, which moves it within the table.
    auto& stats = *entry->stats;
    Context context(call);
    probes::start(lane.index(), CellWord{word}.seq(), bytes);
    running_ = true;
    const Status status = call_handler(entry->handler, context, call);
    running_ = false;
    if (SHMBUS_MISTAKE("cursor.late")) lane.note_started();
    SHMBUS_TESTPOINT("command.ran");
    if (call.deferred || call.slow_path || !status.is_ok() || call.target.needed != 0)
        [[unlikely]] {
      end_slowly(call, status, stats);
    } else if (one_way) {
      lane.mark_done(call.taken.word().seq());  // of the last, if the handler has taken more
    } else {
      if constexpr (Paired) {
        call.target.commit();
      } else {
        call.target.commit_plain();
      }
    }
    stats::add(stats.commands, 1);
    stats::add(stats.bytes_in, bytes);
    stats::add(stats.bytes_out, call.target.size);
    if constexpr (Paired) call.end();
    if (!one_way && lane.lockstep()) break;
  }
  return ran;
}

/// Of a plain command that was deferred or refused, or whose reply did not fit.
void ServerCore::end_slowly(Invocation& call, const Status& status,
                            layout::NameStats& stats) noexcept {
  call.slow_path |= call.deferred || call.target.needed != 0;
  if (call.slow_path) before_answer(call, status);
  if (call.one_way) {
    call.lane->mark_done(call.taken.word().seq());
  } else if (!call.deferred) {
    call.target.commit_status(status);
  }
  if (!status.is_ok()) {
    stats::add(stats.errors, 1);
    observe_failed(call, status);
  }
}

bool ServerCore::take_next(Invocation& call, std::span<std::byte> into) noexcept {
  serve::OwnerLane& lane = *call.lane;
  const std::uint32_t name = call.taken.word().code();
  if (!call.one_way || call.slow_path || call.in_block || wait::publishers_fence() ||
      lane.cancels_near(lane.next_cell()) || !lane.next_is_plain_send(name, into.size())) {
    return false;
  }
  std::uint64_t word = 0;
  std::uint32_t bytes = 0;
  if (!lane.take_plain<Phase::send, false>(call.taken, word, bytes)) return false;
  SHMBUS_TESTPOINT("command.started");
  if (!guard_->was_intact() || bytes != into.size()) return false;  // it is lost with this process
  std::memcpy(into.data(), call.taken.words.data() + lane::inline_offset / 8, bytes);
  if (const auto* entry = handlers_.find(name)) {
    stats::add(entry->stats->commands, 1);
    stats::add(entry->stats->bytes_in, bytes);
  }
  return true;
}

void ServerCore::run(Invocation& call, CellWord word, const lane::RequestHead& head) {
  SHMBUS_TESTPOINT("command.started");
  if (!guard_->was_intact()) [[unlikely]]
    return;  // what was copied from the cell may be zeros that no caller sent
  call.begin(word);
  const auto* entry = handlers_.find(word.code());
  const StatusCode why = entry != nullptr ? refusal_of(call, head) : StatusCode::not_registered;
  if (why != StatusCode::ok) [[unlikely]] {
    refuse(call, why);
    return;
  }
  // The handler may remove its own name, which moves it within the table.
  auto& stats = *entry->stats;
  if (head.has(layout::cell_flags::stamped)) [[unlikely]]
    note_time_queued(call, stats);
  const bool sampled = sampler_.due();
  const std::uint64_t began = sampled ? begin_observed(call) : 0;
  Context context(call);
  probes::start(call.target.lane_index, call.target.seq, call.request.size());
  running_ = true;
  const Status status = call_handler(entry->handler, context, call);
  running_ = false;
  if (SHMBUS_MISTAKE("cursor.late")) call.lane->note_started();
  SHMBUS_TESTPOINT("command.ran");
  call.slow_path |= call.deferred || call.target.needed != 0;
  if (call.slow_path || (call.in_block && !status.is_ok())) [[unlikely]]
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
  call.end();
}

/// What leaves a handler otherwise than by its end is the thread itself, which is ending: handlers
/// are guarded against exceptions (shmbus/handler.hpp).
[[gnu::always_inline]] inline Status ServerCore::call_handler(const Handler& handler,
                                                              Context& context, Invocation& call) {
#if defined(__cpp_exceptions)
  try {
    return handler(context);
  } catch (...) {
    abandon(call);
    throw;
  }
#else
  return handler(context);
#endif
}

/// Why a command is not run at all, or ok.
[[gnu::always_inline]] inline StatusCode ServerCore::refusal_of(
    Invocation& call, const lane::RequestHead& head) noexcept {
  if (call.lane->cancel_asked(call.taken.cell)) [[unlikely]]
    return StatusCode::cancelled;
  if (head.plain()) [[likely]] {
    const auto* cell = reinterpret_cast<const std::byte*>(call.taken.words.data());
    call.request = {cell + lane::inline_offset, head.bytes};
    return StatusCode::ok;
  }
  return refusal_in_block(call, head);
}

/// The same for workers.
StatusCode ServerCore::refusal_here(Invocation& call) noexcept {
  return refusal_of(call, call.taken.head());
}

/// The same for what lies in blocks, and asks for nothing else. One look at the lease for both when
/// they lie close together.
StatusCode ServerCore::refusal_in_block(Invocation& call, const lane::RequestHead& head) noexcept {
  using namespace layout::cell_flags;
  constexpr std::uint64_t close = 16 * 1024;
  const std::uint32_t shape = head.flags & ~stamped;
  if (shape != request_block && shape != (request_block | reply_block)) {
    return slow_refusal(call, head);
  }
  lane::BlockNames names;
  const auto* cell = reinterpret_cast<const std::byte*>(call.taken.words.data());
  std::memcpy(&names, cell + lane::inline_offset, sizeof names);
  const bool far_reply = (shape & reply_block) != 0;
  const std::uint64_t request = names.request_offset64 * payload::block_unit;
  const std::uint64_t reply = far_reply ? names.reply_offset64 * payload::block_unit : request;
  const std::uint64_t begin = std::min(request, reply);
  const std::uint64_t end =
      std::max(request + head.bytes, reply + (far_reply ? names.reply_capacity : 0));
  if (end - begin > close || begin == end) return slow_refusal(call, head);
  auto* const base = payload::resolve(
      bus_->view(), {static_cast<std::uint32_t>(begin / payload::block_unit), end - begin},
      call.lane->party());
  if (base == nullptr) [[unlikely]]
    return slow_refusal(call, head);  // each by itself
  call.in_block = true;
  call.request = {base + (request - begin), head.bytes};
  if (far_reply) {
    call.target.block = base + (reply - begin);
    call.target.capacity = names.reply_capacity;
  }
  return StatusCode::ok;
}

StatusCode ServerCore::slow_refusal(Invocation& call, const lane::RequestHead& head) noexcept {
  const serve::Taken& taken = call.taken;
  call.slow_path = true;
  if (head.has(layout::cell_flags::context)) call.begin_span();
  if (head.has(layout::cell_flags::deadline)) {
    if (wait::ticks() >= taken.words[lane::deadline_word]) return StatusCode::expired;
    call.deadline_ticks = taken.words[lane::deadline_word];
  }
  if (head.has(layout::cell_flags::with_caller)) {
    call.with_caller = true;
    call.probe = {};
    if (call.cancelled()) return StatusCode::cancelled;
  }
  return locate_memory(call) ? StatusCode::ok : StatusCode::malformed;
}

void ServerCore::refuse(Invocation& call, StatusCode why) noexcept {
  const std::uint32_t record = call.taken.word().code();
  if (record < handlers_.size()) stats::add(bus_->view().name_stats(record).expired, 1);
  // What stands in `request` is the last command's; what this one asked is for the record alone.
  call.slow_path = true;
  if (why == StatusCode::malformed || !locate_memory(call)) call.request = {};
  keep_request(call);
  if (call.span) call.end_span(kind_of(why), 0);
  if (call.one_way) call.lane->count_send_answer();
  call.target.commit_code(why);
  if (call.one_way) call.lane->mark_done(call.taken.word().seq());
  const std::uint64_t now = wait::ticks();
  observe(call, why, 0, 0, now);
  look_for_taps(now);
  call.end();
}

/// Turns what the cell claims about memory into spans, or refuses.
bool ServerCore::locate_memory(Invocation& call) noexcept {
  const serve::Taken& taken = call.taken;
  const auto head = taken.head();
  const auto* cell = reinterpret_cast<const std::byte*>(taken.words.data());
  lane::BlockNames names;
  std::size_t at = lane::inline_offset;
  std::size_t room = head.paired() ? layout::paired_request_bytes : layout::inline_request_bytes;
  if (head.paired() && (head.names_block() || head.has(layout::cell_flags::context))) return false;
  if (head.names_block()) {
    std::memcpy(&names, cell + lane::inline_offset, sizeof names);
    at = lane::inline_beside_block_offset;
    room = layout::inline_request_beside_block_bytes;
  }
  const auto& view = bus_->view();
  const layout::ParticipantId party = call.lane->party();
  if (head.has(layout::cell_flags::reply_block)) {
    call.target.block = payload::resolve(view, {names.reply_offset64, names.reply_capacity}, party);
    call.target.capacity = names.reply_capacity;
    if (call.target.block == nullptr) return false;
    if (head.has(layout::cell_flags::reply_window)) {
      call.reply_window = {std::exchange(call.target.block, nullptr), names.reply_capacity};
      call.target.capacity = 0;
    }
  }
  if (head.has(layout::cell_flags::request_block)) {
    auto* data = payload::resolve(view, {names.request_offset64, head.bytes}, party);
    call.request = {data, head.bytes};
    if (data != nullptr && head.has(layout::cell_flags::request_window)) {
      call.request_window = {data, head.bytes};
      call.request = {};
    }
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
