#include "recovery/endpoint.hpp"

#include "lane/directory.hpp"
#include "lane/journal.hpp"
#include "testpoint.hpp"
#include "wait/futex.hpp"

namespace shmbus::recovery {

using layout::Attention;
using layout::CellWord;
using layout::ControlWord;
using layout::LaneWord;
using layout::Phase;

namespace {

/// started, unanswered ──CAS──► reply(why). The cursor of a dead owner stands still, and
/// a caller does not touch such a cell, so only another recoverer can win this CAS, with the same
/// word.
std::uint32_t tell_started(const segment::View& view, std::uint32_t lane, StatusCode why) noexcept {
  const auto& head = view.lane(lane);
  const std::uint64_t cursor_seq = lane::effective_cursor(head).seq();
  const std::uint64_t done = lane::effective_done(head);
  std::uint32_t told = 0;
  for (auto& cell : view.cells(lane)) {
    CellWord seen{cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.publish
    if (!lane::started_unanswered(seen, cursor_seq, done)) continue;
    const auto answer =
        CellWord::make(seen.seq(), Phase::reply, static_cast<std::uint32_t>(why));
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
    told += tell_started(view, lane, why);
    // Unconditionally: the owner may have answered and died before it woke the caller.
    wait::bump_and_wake(view.lane(lane).events.count);
    stop_serving(view, lane, owner_gen);
  }
  if (told != 0) {
    view.endpoint(endpoint).owner.died.fetch_add(told, std::memory_order_relaxed);
  }
}

bool recover_endpoint(const Attachment& bus, std::uint32_t endpoint) noexcept {
  auto& target = bus.view.endpoint(endpoint);
  ControlWord seen{target.control.control.load(std::memory_order_acquire)};  // SYNC endpoint.control
  if (!seen.active() || !bus.dead(seen.holder())) return false;
  release_lanes(bus, endpoint, seen.gen(), StatusCode::handler_died);
  SHMBUS_TESTPOINT("recovery.released");
  const auto vacant = ControlWord::make({}, {}, seen.gen(), seen.slot(),
                                        layout::EndpointState::vacant);
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

}  // namespace shmbus::recovery
