#include "recovery/endpoint.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "base/log.hpp"
#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "os/clock.hpp"
#include "os/futex.hpp"
#include "recorder/recorder.hpp"
#include "words/directory.hpp"
#include "words/draining.hpp"
#include "words/extents.hpp"
#include "words/journal.hpp"
#include "words/members.hpp"
#include "words/request.hpp"

namespace shmbus::recovery {

using layout::Attention;
using layout::CellWord;
using layout::ControlWord;
using layout::DrainingWord;
using layout::LaneWord;
using layout::Phase;

namespace {

/// How far the owner of that generation had come in a lane. Nothing when somebody else serves it by
/// now: a successor stores its cursor only after its own CAS of `served`, so a cursor that was read
/// while the word stood still is the dead owner's last.
struct JournalSnapshot {
  std::uint64_t floor_seq = 0;  ///< what lies below is owed by the owner that it had replaced
  std::uint64_t cursor_seq = 0;
  std::uint64_t done = 0;
};

std::optional<JournalSnapshot> last_words(const segment::View& view, std::uint32_t lane,
                                          std::uint32_t owner_gen, DrainingWord replaced) noexcept {
  const LaneWord before = lane::load_word(view, lane);
  if (!before.in_use() || before.served() != owner_gen) return std::nullopt;
  const auto& head = view.lane(lane);
  const JournalSnapshot last{replaced.nobody() ? 0 : lane::cursor_of(head, replaced.slot()).seq(),
                             lane::effective_cursor(head).seq(), lane::effective_done(head)};
  const LaneWord after = lane::load_word(view, lane);
  // Its caller may have left meanwhile; what matters is who serves it, and which lease it is.
  const bool stood_still = after.served() == owner_gen && after.gen() == before.gen();
  if (!stood_still && !SHMBUS_MISTAKE("recovery.unchecked")) return std::nullopt;
  return last;
}

/// The first bytes of a request, wherever they lie; none when the cell makes no sense.
std::span<const std::byte> request_start(const segment::View& view, const lane::CellWords& words,
                                         layout::ParticipantId caller) noexcept {
  const auto head = lane::RequestHead::unpack(words[1]);
  const auto* cell = reinterpret_cast<const std::byte*>(words.data());
  const std::size_t size = std::min<std::size_t>(head.bytes, layout::event_excerpt_bytes);
  if (head.has(layout::cell_flags::request_window)) return {};
  if (head.has(layout::cell_flags::request_block)) {
    const auto* data =
        payload::resolve(view, {static_cast<std::uint32_t>(words[3]), head.bytes}, caller);
    return data == nullptr ? std::span<const std::byte>{} : std::span(data, size);
  }
  const bool beside = head.names_block();
  const std::size_t at = beside ? lane::inline_beside_block_offset : lane::inline_offset;
  return {cell + at, std::min(size, sizeof words - at)};
}

/// What the owner left unanswered, into its own ring: that of somebody dead, or of ourselves.
void record_told(const Attachment& bus, std::uint32_t lane, layout::ParticipantId holder,
                 const lane::CellWords& words, StatusCode why) noexcept {
  if (holder.index() >= bus.view.capacities().participants) return;
  const CellWord cell{words[0]};
  const auto head = lane::RequestHead::unpack(words[1]);
  const LaneWord word = lane::load_word(bus.view, lane);
  recorder::Event event;
  event.kind = recorder::Kind::failed_by_recovery;
  event.flags = cell.phase() == Phase::send ? recorder::event_flags::one_way : std::uint8_t{0};
  event.outcome = static_cast<std::uint16_t>(why);
  event.record = static_cast<std::uint16_t>(cell.code());
  event.lane = static_cast<std::uint16_t>(lane);
  event.endpoint = static_cast<std::uint16_t>(word.endpoint());
  event.caller = word.party();
  event.handler = holder;
  event.started_at = wait::ticks();
  event.bytes_in = head.bytes;
  event.set_excerpt(request_start(bus.view, words, word.party()));
  recorder::record(bus.view, holder.index(), event);
}

/// started, unanswered ──CAS──► reply(why). The cursor of a dead owner stands still, a caller does
/// not touch such a cell, and sequence numbers never come back: only another recoverer can win this
/// CAS, with the same word, however late we are.
std::uint32_t fail_started_commands(const Attachment& bus, std::uint32_t lane, ControlWord owner,
                                    DrainingWord replaced, StatusCode why) noexcept {
  const auto& view = bus.view;
  const auto last = last_words(view, lane, owner.gen(), replaced);
  if (!last) return 0;
  SHMBUS_TESTPOINT("recovery.read");
  std::uint32_t told = 0;
  for (auto& cell : view.cells(lane)) {
    CellWord seen{cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.publish
    if (!lane::started_unanswered(seen, last->cursor_seq, last->done)) continue;
    if (seen.seq() < last->floor_seq) continue;
    lane::CellWords words;
    lane::copy_cell(words, cell, seen.bits);  // while it is the request that stands there
    const auto answer = CellWord::make(seen.seq(), Phase::reply, static_cast<std::uint32_t>(why));
    if (seen.phase() == Phase::send && !SHMBUS_MISTAKE("answer.uncounted")) {
      // SYNC lane.send_answers: counted before it is there, so that its sender looks.
      view.lane(lane).events.send_answers.fetch_add(1, std::memory_order_acq_rel);
      SHMBUS_TESTPOINT("recovery.counted");
    }
    // SYNC lane.reply
    if (cell.word[0].compare_exchange_strong(seen.bits, answer.bits, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
      ++told;
      SHMBUS_TESTPOINT("recovery.told");
      record_told(bus, lane, owner.holder(), words, why);
    }
  }
  return told;
}

void stop_serving(const segment::View& view, std::uint32_t lane, std::uint32_t owner_gen) noexcept {
  for (;;) {
    const LaneWord seen = lane::load_word(view, lane);
    if (!seen.in_use() || seen.served() != owner_gen) return;
    if (lane::move_word(view, lane, seen, seen.with_served(0))) return;
  }
}

}  // namespace

void release_lanes(const Attachment& bus, std::uint32_t endpoint, ControlWord owner,
                   StatusCode why) noexcept {
  const auto& view = bus.view;
  DrainingWord replaced = draining_at(view, endpoint);
  // One that was about to be replaced itself: everything that is under way is its own.
  if (replaced.party() == owner.holder()) replaced = {};
  std::uint32_t told = 0;
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const LaneWord seen = lane::load_word(view, lane);
    if (!seen.in_use() || seen.endpoint() != endpoint) continue;
    told += fail_started_commands(bus, lane, owner, replaced, why);
    // Unconditionally: the owner may have answered and died before it woke the caller.
    wait::bump_and_wake(view.lane(lane).events.count);
    stop_serving(view, lane, owner.gen());
  }
  if (told != 0) {
    view.endpoint(endpoint).owner.died.fetch_add(told, std::memory_order_relaxed);
  }
}

void wake_callers(const segment::View& view, std::uint32_t endpoint) noexcept {
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const LaneWord seen = lane::load_word(view, lane);
    if (!seen.in_use() || seen.endpoint() != endpoint) continue;
    wait::bump_and_wake(view.lane(lane).events.count);
  }
}

namespace {

ControlWord control_of(const Attachment& bus, std::uint32_t endpoint) noexcept {
  // SYNC endpoint.control
  return {bus.view.endpoint(endpoint).control.control.load(std::memory_order_acquire)};
}

/// REQUIRES: nobody serves the endpoint under the control word `seen` any more.
bool vacate(const Attachment& bus, std::uint32_t endpoint, ControlWord seen,
            StatusCode why) noexcept {
  auto& target = bus.view.endpoint(endpoint);
  if (SHMBUS_MISTAKE("control.early")) {
    target.control.control.store(seen.vacated().bits, std::memory_order_release);
  }
  release_lanes(bus, endpoint, seen, why);
  SHMBUS_TESTPOINT("recovery.released");
  // It was about to give the endpoint away. Before the endpoint is vacant: the next owner takes the
  // journal slot that this word does not name.
  if (const auto word = draining_at(bus.view, endpoint); word.party() == seen.holder()) {
    (void)stop_draining(bus.view, endpoint, word);
  }
  SHMBUS_TESTPOINT("recovery.undrained");
  // Somebody may come to stand by, or go, at any time.
  for (const ControlWord owner = seen; seen.same_owner(owner);) {
    // SYNC endpoint.control
    if (!target.control.control.compare_exchange_strong(
            seen.bits, seen.vacated().bits, std::memory_order_acq_rel, std::memory_order_acquire)) {
      continue;
    }
    target.attention.attention.store(static_cast<std::uint32_t>(Attention::vacant),
                                     std::memory_order_relaxed);
    wake_callers(bus.view, endpoint);
    wait::bump_and_wake(bus.view.bus_events().registrations);
    names::wake_fellows(bus.view, endpoint);
    return true;
  }
  return false;
}

}  // namespace

bool recover_endpoint(const Attachment& bus, std::uint32_t endpoint) noexcept {
  (void)recover_draining(bus, endpoint);
  const ControlWord judged = control_of(bus, endpoint);
  if (!judged.active()) return false;
  if (!bus.dead(judged.holder())) {
    bus.meet(judged.holder());
    return false;
  }
  SHMBUS_TESTPOINT("recovery.judged");
  // It may have given the endpoint away before it died, with the same generation. What it still
  // holds now that it is dead, it holds for ever.
  const ControlWord seen = control_of(bus, endpoint);
  if (!seen.active() || !seen.same_owner(judged)) return false;
  if (!vacate(bus, endpoint, seen, StatusCode::handler_died)) return false;
  probes::recover(endpoint, seen.holder().bits, seen.gen());
  if (logging::wanted(LogLevel::warning)) {
    logging::Text text("the handler at endpoint ");
    text.append(endpoint).append(
        " has died: its callers got an error, its names wait for a successor");
    logging::write(LogLevel::warning, "endpoint.recovered", text);
  }
  return true;
}

void vacate_own_endpoint(const Attachment& bus, std::uint32_t endpoint) noexcept {
  const ControlWord seen = control_of(bus, endpoint);
  if (!seen.active() || seen.holder() != bus.me) return;
  (void)vacate(bus, endpoint, seen, StatusCode::abandoned);
}

}  // namespace shmbus::recovery
