#include "words/directory.hpp"

#include <algorithm>

#include "base/testpoint.hpp"
#include "os/clock.hpp"
#include "words/bell.hpp"
#include "words/journal.hpp"
#include "words/quota.hpp"
#include "words/request.hpp"

namespace shmbus::lane {

using layout::CellWord;
using layout::LaneMode;
using layout::LaneState;
using layout::LaneWord;

namespace {

/// Beyond everything that earlier lessees can have published. One that was killed may have stored
/// a command without having counted it, hence the second step.
std::uint64_t first_unused_seq(const layout::LaneHead& head) noexcept {
  if (SHMBUS_MISTAKE("seq.again")) return 1;
  constexpr std::uint64_t half_of_all = CellWord::seq_max / 2;
  const std::uint64_t published = head.counters.published.load(std::memory_order_relaxed);
  const std::uint64_t next = std::max(published, effective_cursor(head).seq()) + 2;
  return next < half_of_all ? next : 1;  // only a scribbler gets that far
}

/// REQUIRES: the lane is `allocating` by us: nobody else looks inside.
std::uint64_t initialise(const segment::View& view, std::uint32_t index,
                         std::uint32_t endpoint) noexcept {
  auto& head = view.lane(index);
  const std::uint64_t first_seq = first_unused_seq(head);
  for (auto& cell : view.cells(index)) cell.word[0].store(0, std::memory_order_relaxed);
  head.caller.park.store(0, std::memory_order_relaxed);
  for (auto& bits : head.caller.cancel) bits.store(0, std::memory_order_relaxed);
  head.events.rung.store(0, std::memory_order_relaxed);
  for (auto& journal : head.journal) {
    journal.cursor.store(layout::CursorWord::make(first_seq, 0).bits, std::memory_order_relaxed);
    journal.done.store(0, std::memory_order_relaxed);
  }
  head.counters.published.store(first_seq - 1, std::memory_order_relaxed);
  const auto flags = view.endpoint(endpoint).attention.flags.load(std::memory_order_relaxed);
  const auto mode =
      (flags & layout::endpoint_flags::global_order) != 0 ? LaneMode::ordered : LaneMode::cold;
  head.owner.mode.store(static_cast<std::uint32_t>(mode), std::memory_order_relaxed);
  return first_seq;
}

/// REQUIRES: `mine` is the lane's word, `allocating` by us: nobody but us moves it.
Attached open_to(const Attachment& bus, std::uint32_t index, LaneWord mine) noexcept {
  const std::uint64_t first_seq = initialise(bus.view, index, mine.endpoint());
  (void)move_word(bus.view, index, mine, mine.with_state(LaneState::attached));
  SHMBUS_TESTPOINT("lane.attached");
  return {index, first_seq};
}

}  // namespace

LaneWord load_word(const segment::View& view, std::uint32_t lane) noexcept {
  return {view.lane_word(lane).load(std::memory_order_acquire)};  // SYNC lane.word
}

bool move_word(const segment::View& view, std::uint32_t lane, LaneWord expected,
               LaneWord next) noexcept {
  // SYNC lane.word
  return view.lane_word(lane).compare_exchange_strong(
      expected.bits, next.bits, std::memory_order_acq_rel, std::memory_order_relaxed);
}

std::optional<Attached> attach(const Attachment& bus, std::uint32_t endpoint) noexcept {
  const std::uint32_t lanes = bus.view.capacities().lanes;
  // Start apart from the other participants, so that newcomers do not fight for the same words.
  const std::uint32_t start = bus.me.index() * 7U;
  for (std::uint32_t step = 0; step < lanes; ++step) {
    const std::uint32_t index = (start + step) % lanes;
    const LaneWord seen = load_word(bus.view, index);
    if (seen.state() != LaneState::free) continue;
    const auto mine = LaneWord::make(seen.gen(), bus.me, endpoint, LaneState::allocating, 0);
    if (!move_word(bus.view, index, seen, mine)) continue;
    SHMBUS_TESTPOINT("lane.allocating");
    if (quota::exceeded(bus, quota::Of::lanes)) {
      (void)move_word(bus.view, index, mine, mine.freed());
      return std::nullopt;
    }
    return open_to(bus, index, mine);
  }
  return std::nullopt;
}

std::optional<Attached> attach_anew(const Attachment& bus, std::uint32_t lane) noexcept {
  const LaneWord seen = load_word(bus.view, lane);
  if (seen.state() != LaneState::attached || seen.party() != bus.me || seen.served() != 0) {
    return std::nullopt;
  }
  if (seen.endpoint() >= bus.view.capacities().endpoints) return std::nullopt;
  // SYNC endpoint.draining: set before its owner's successor could die, so before `served` was 0.
  if (bus.view.endpoint(seen.endpoint()).control.draining.load(std::memory_order_acquire) != 0) {
    return std::nullopt;
  }
  const auto mine =
      LaneWord::make(seen.gen() + 1, bus.me, seen.endpoint(), LaneState::allocating, 0);
  if (!move_word(bus.view, lane, seen, mine)) return std::nullopt;
  SHMBUS_TESTPOINT("lane.allocating");
  return open_to(bus, lane, mine);
}

void detach(const Attachment& bus, std::uint32_t lane) noexcept {
  for (;;) {
    const LaneWord seen = load_word(bus.view, lane);
    if (seen.state() != LaneState::attached || seen.party() != bus.me) return;
    if (!move_word(bus.view, lane, seen, seen.with_state(LaneState::orphan))) continue;
    SHMBUS_TESTPOINT("lane.orphan");
    if (seen.endpoint() < bus.view.capacities().endpoints) {
      endpoint::ring(bus.view, seen.endpoint(), lane);
    }
    return;
  }
}

bool has_queued(const segment::View& view, std::uint32_t lane) noexcept {
  const auto cursor = effective_cursor(view.lane(lane));
  if (cursor.cell() >= view.capacities().cells_per_lane) return false;
  const layout::CellWord word{view.cells(lane)[cursor.cell()].word[0].load(
      std::memory_order_acquire)};  // SYNC lane.publish
  return word.seq() == cursor.seq() &&
         (word.phase() == layout::Phase::request || word.phase() == layout::Phase::send);
}

namespace {

/// Calls `f(cell, word, head)` for each command that is queued in the lane, in order, until it
/// returns false. Returns the sequence number at which it ended.
template <class F>
std::uint64_t for_each_queued(const segment::View& view, std::uint32_t lane, F f) noexcept {
  const auto cells = view.cells(lane);
  auto at = effective_cursor(view.lane(lane));
  for (std::size_t left = cells.size(); left-- > 0 && at.cell() < cells.size();) {
    const auto& cell = cells[at.cell()];
    const CellWord word{cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.publish
    const bool queued = word.seq() == at.seq() && (word.phase() == layout::Phase::request ||
                                                   word.phase() == layout::Phase::send);
    // HINT: of a lane that somebody adopts meanwhile, who moves its word: then ours does not move
    const auto head = RequestHead::unpack(cell.word[1].load(std::memory_order_relaxed));
    if (!queued || !f(at.cell(), cell, head)) break;
    at = layout::CursorWord::make(at.seq() + 1, head.next);
  }
  return at.seq();
}

}  // namespace

std::uint64_t queued_end(const segment::View& view, std::uint32_t lane) noexcept {
  return for_each_queued(view, lane, [](const auto&...) { return true; });
}

bool anything_wanted(const segment::View& view, std::uint32_t lane) noexcept {
  const auto& withdrawn = view.lane(lane).caller.cancel;
  bool wanted = false;
  (void)for_each_queued(
      view, lane,
      [&](std::uint32_t index, const layout::Cell& cell, const RequestHead& head) noexcept {
        // SYNC lane.cancel
        const std::uint64_t bits = withdrawn[index / 64].load(std::memory_order_acquire);
        const bool cancelled = ((bits >> (index % 64)) & 1U) != 0;
        const bool expired =
            head.has(layout::cell_flags::deadline) &&  // HINT: the same
            wait::ticks() >= cell.word[deadline_word].load(std::memory_order_relaxed);
        wanted = !cancelled && !expired && !head.has(layout::cell_flags::with_caller);
        return !wanted;
      });
  return wanted;
}

bool owed_by_replaced(const segment::View& view, std::uint32_t endpoint,
                      std::uint32_t lane) noexcept {
  if (endpoint >= view.capacities().endpoints) return false;
  // SYNC endpoint.draining: cleared after the last answer.
  if (view.endpoint(endpoint).control.draining.load(std::memory_order_acquire) == 0) return false;
  const auto& head = view.lane(lane);
  const std::uint64_t cursor = effective_cursor(head).seq();
  for (const auto& cell : view.cells(lane)) {
    const CellWord word{cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.reply
    if (word.phase() == layout::Phase::request && word.seq() < cursor) return true;
  }
  return false;
}

bool free_unserved_orphan(const segment::View& view, std::uint32_t lane,
                          bool drop_queued) noexcept {
  const LaneWord seen = load_word(view, lane);
  if (seen.state() != LaneState::orphan) return false;
  if (seen.served() != 0 && !SHMBUS_MISTAKE("lane.served")) return false;
  if (!drop_queued && anything_wanted(view, lane)) return false;
  if (owed_by_replaced(view, seen.endpoint(), lane)) return false;
  return move_word(view, lane, seen, seen.freed());
}

}  // namespace shmbus::lane
