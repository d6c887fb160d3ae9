#include "recovery/endpoint.hpp"

#include <optional>

#include "lane/directory.hpp"
#include "lane/journal.hpp"
#include "log/log.hpp"
#include "testpoint.hpp"
#include "wait/futex.hpp"

namespace shmbus::recovery {

using layout::Attention;
using layout::CellWord;
using layout::ControlWord;
using layout::LaneWord;
using layout::Phase;

namespace {

/// How far the owner of that generation had come in a lane. Nothing when somebody else serves it by
/// now: a successor stores its cursor only after its own CAS of `served`, so a cursor that was read
/// while the word stood still is the dead owner's last.
struct LastWords {
  std::uint64_t cursor_seq = 0;
  std::uint64_t done = 0;
};

std::optional<LastWords> last_words(const segment::View& view, std::uint32_t lane,
                                    std::uint32_t owner_gen) noexcept {
  const LaneWord before = lane::load_word(view, lane);
  if (!before.in_use() || before.served() != owner_gen) return std::nullopt;
  const auto& head = view.lane(lane);
  const LastWords last{lane::effective_cursor(head).seq(), lane::effective_done(head)};
  const LaneWord after = lane::load_word(view, lane);
  // Its caller may have left meanwhile; what matters is who serves it, and which lease it is.
  if (after.served() != owner_gen || after.gen() != before.gen()) return std::nullopt;
  return last;
}

/// started, unanswered ──CAS──► reply(why). The cursor of a dead owner stands still, a caller does
/// not touch such a cell, and sequence numbers never come back: only another recoverer can win this
/// CAS, with the same word, however late we are.
std::uint32_t tell_started(const segment::View& view, std::uint32_t lane, std::uint32_t owner_gen,
                           StatusCode why) noexcept {
  const auto last = last_words(view, lane, owner_gen);
  if (!last) return 0;
  SHMBUS_TESTPOINT("recovery.read");
  std::uint32_t told = 0;
  for (auto& cell : view.cells(lane)) {
    CellWord seen{cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.publish
    if (!lane::started_unanswered(seen, last->cursor_seq, last->done)) continue;
    const auto answer = CellWord::make(seen.seq(), Phase::reply, static_cast<std::uint32_t>(why));
    // SYNC lane.reply
    if (cell.word[0].compare_exchange_strong(seen.bits, answer.bits, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
      ++told;
      SHMBUS_TESTPOINT("recovery.told");
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

void release_lanes(const Attachment& bus, std::uint32_t endpoint, std::uint32_t owner_gen,
                   StatusCode why) noexcept {
  const auto& view = bus.view;
  std::uint32_t told = 0;
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const LaneWord seen = lane::load_word(view, lane);
    if (!seen.in_use() || seen.endpoint() != endpoint) continue;
    told += tell_started(view, lane, owner_gen, why);
    // Unconditionally: the owner may have answered and died before it woke the caller.
    wait::bump_and_wake(view.lane(lane).events.count);
    stop_serving(view, lane, owner_gen);
  }
  if (told != 0) {
    view.endpoint(endpoint).owner.died.fetch_add(told, std::memory_order_relaxed);
  }
}

namespace {

/// REQUIRES: nobody serves the endpoint under the control word `seen` any more.
bool see_to_vacant(const Attachment& bus, std::uint32_t endpoint, ControlWord seen,
                   StatusCode why) noexcept {
  auto& target = bus.view.endpoint(endpoint);
  release_lanes(bus, endpoint, seen.gen(), why);
  SHMBUS_TESTPOINT("recovery.released");
  const auto vacant =
      ControlWord::make({}, {}, seen.gen(), seen.slot(), layout::EndpointState::vacant);
  // SYNC endpoint.control
  const bool moved = target.control.control.compare_exchange_strong(
      seen.bits, vacant.bits, std::memory_order_acq_rel, std::memory_order_acquire);
  if (moved) {
    target.attention.attention.store(static_cast<std::uint32_t>(Attention::vacant),
                                     std::memory_order_relaxed);
    wait::bump_and_wake(bus.view.bus_events().registrations);
  }
  return moved;
}

ControlWord control_of(const Attachment& bus, std::uint32_t endpoint) noexcept {
  // SYNC endpoint.control
  return {bus.view.endpoint(endpoint).control.control.load(std::memory_order_acquire)};
}

}  // namespace

bool recover_endpoint(const Attachment& bus, std::uint32_t endpoint) noexcept {
  const ControlWord seen = control_of(bus, endpoint);
  if (!seen.active() || !bus.dead(seen.holder())) return false;
  if (!see_to_vacant(bus, endpoint, seen, StatusCode::handler_died)) return false;
  if (logging::wanted(LogLevel::warning)) {
    logging::Text text("the handler at endpoint ");
    text.append(endpoint).append(
        " has died: its callers were told, its names wait for a successor");
    logging::write(LogLevel::warning, "endpoint.recovered", text);
  }
  return true;
}

void vacate_own_endpoint(const Attachment& bus, std::uint32_t endpoint) noexcept {
  const ControlWord seen = control_of(bus, endpoint);
  if (!seen.active() || seen.holder() != bus.me) return;
  (void)see_to_vacant(bus, endpoint, seen, StatusCode::abandoned);
}

}  // namespace shmbus::recovery
