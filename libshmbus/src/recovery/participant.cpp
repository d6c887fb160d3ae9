#include "recovery/participant.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/testpoint.hpp"
#include "os/clock.hpp"
#include "os/futex.hpp"
#include "recorder/recorder.hpp"
#include "recovery/endpoint.hpp"
#include "words/bell.hpp"
#include "words/broadcasts.hpp"
#include "words/change.hpp"
#include "words/directory.hpp"
#include "words/draining.hpp"
#include "words/table.hpp"

namespace shmbus::recovery {

using layout::ControlWord;
using layout::ExtentWord;
using layout::LaneState;
using layout::LaneWord;
using layout::ParticipantId;
using layout::ParticipantState;
using layout::ParticipantWord;

namespace {

void stop_standing_by(const segment::View& view, std::uint32_t endpoint,
                      ParticipantId party) noexcept {
  auto& control = view.endpoint(endpoint).control.control;
  // SYNC endpoint.control
  ControlWord seen{control.load(std::memory_order_acquire)};
  while (seen.standby() == party &&
         !control.compare_exchange_strong(seen.bits, seen.with_standby({}).bits,
                                          std::memory_order_acq_rel, std::memory_order_acquire)) {
  }
}

void settle_debts_of(const Attachment& bus, std::uint32_t endpoint, ParticipantId party) noexcept {
  const auto word = draining_at(bus.view, endpoint);
  if (word.party() != party) return;
  if (party == bus.me) {
    end_draining(bus, endpoint, word, StatusCode::abandoned);
  } else {
    (void)recover_draining(bus, endpoint);
  }
}

/// No word of an endpoint may name the party when its slot goes free.
bool named_by_endpoints(const segment::View& view, ParticipantId party) noexcept {
  for (std::uint32_t i = 0; i < view.capacities().endpoints; ++i) {
    // SYNC endpoint.control
    const ControlWord control{view.endpoint(i).control.control.load(std::memory_order_acquire)};
    if (control.active() && control.holder() == party) return true;
    if (control.standby() == party || draining_at(view, i).party() == party) return true;
  }
  return false;
}

void recover_endpoints_of(const Attachment& bus, ParticipantId party) noexcept {
  for (std::uint32_t i = 0; i < bus.view.capacities().endpoints; ++i) {
    const ControlWord seen{bus.view.endpoint(i).control.control.load(
        std::memory_order_acquire)};  // SYNC endpoint.control
    if (seen.active() && seen.holder() == party) {
      if (party == bus.me) {
        vacate_own_endpoint(bus, i);
      } else {
        recover_endpoint(bus, i);
      }
    }
    stop_standing_by(bus.view, i, party);
    settle_debts_of(bus, i, party);
  }
}

/// attached ──► orphan. Retried, since the owner may be adopting the lane at this moment.
void orphan_lane(const segment::View& view, std::uint32_t lane, ParticipantId party) noexcept {
  for (;;) {
    const LaneWord seen = lane::load_word(view, lane);
    if (seen.party() != party || seen.state() != LaneState::attached) return;
    if (lane::move_word(view, lane, seen, seen.with_state(LaneState::orphan))) break;
  }
  SHMBUS_TESTPOINT("reclaim.orphan");
  // A handler may be waiting for others on behalf of this caller. The sleep of one that misses this
  // is short.
  wait::bump_and_wake(view.lane(lane).events.count);
}

void ring_owner(const segment::View& view, std::uint32_t lane, LaneWord seen) noexcept {
  if (seen.endpoint() < view.capacities().endpoints) endpoint::ring(view, seen.endpoint(), lane);
}

/// One look at every lane of the party; returns how many still name it afterwards.
std::size_t release_lanes_of(const segment::View& view, ParticipantId party) noexcept {
  std::size_t left = 0;
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const LaneWord seen = lane::load_word(view, lane);
    if (seen.party() != party || seen.state() == LaneState::free) continue;
    if (seen.state() == LaneState::allocating) {
      if (!lane::move_word(view, lane, seen, seen.freed())) ++left;
      continue;
    }
    orphan_lane(view, lane, party);
    if (lane::free_unserved_orphan(view, lane, false)) continue;
    ring_owner(view, lane, seen);  // also when it was an orphan before: that ring may be lost
    ++left;
  }
  return left;
}

void free_extents_of(const segment::View& view, ParticipantId party) noexcept {
  for (std::uint32_t i = 0; i < view.capacities().extents; ++i) {
    auto& word = view.extent_word(i);
    ExtentWord seen{word.load(std::memory_order_acquire)};  // SYNC extent.lease
    if (seen.party() != party) continue;
    const auto freed = ExtentWord::make({}, seen.gen() + 1);
    word.compare_exchange_strong(seen.bits, freed.bits, std::memory_order_acq_rel,
                                 std::memory_order_relaxed);
  }
}

/// Everything after the verdict. REQUIRES: the party can no longer act, or is this process itself.
bool reclaim(const Attachment& bus, ParticipantId party) noexcept {
  const auto& view = bus.view;
  auto& state = view.participant(party.index()).state;
  auto alive = ParticipantWord::make(party.epoch(), ParticipantState::alive);
  const auto dead = ParticipantWord::make(party.epoch(), ParticipantState::dead);
  // Before the slot can be another's: who takes slots leaves the last events of the dead alone.
  if (party != bus.me && state.load(std::memory_order_relaxed) == alive.bits) {
    view.participant(party.index())
        .died_at.store(std::max<std::uint64_t>(wait::ticks(), 1), std::memory_order_relaxed);
  }
  if (state.compare_exchange_strong(alive.bits, dead.bits, std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {  // SYNC slot.alive
    const auto kind = party == bus.me ? recorder::Kind::left : recorder::Kind::died;
    recorder::record_participant(bus, kind, party);
  }
  recover_endpoints_of(bus, party);
  names::return_leases(bus, party);
  policy::finish_changes_of(bus, party);
  broadcast::recover(bus, party);
  if (release_lanes_of(view, party) != 0 || named_by_endpoints(view, party) ||
      broadcast::names(view, party)) {
    return false;
  }
  SHMBUS_TESTPOINT("reclaim.lanes");
  free_extents_of(view, party);
  SHMBUS_TESTPOINT("reclaim.extents");
  // One that can act no more may still hold its lock: the next to sit there could not take it.
  if (party != bus.me && !bus.prober->dead(party.index())) return false;
  auto expected = dead;
  const auto free =
      ParticipantWord::make(layout::next_epoch(party.epoch()), ParticipantState::free);
  // SYNC slot.free: pairs with the next joiner.
  return state.compare_exchange_strong(expected.bits, free.bits, std::memory_order_acq_rel,
                                       std::memory_order_relaxed);
}

void tell_reclaimed(std::uint32_t index, std::uint32_t pid) noexcept {
  if (!logging::wanted(LogLevel::warning)) return;
  logging::Text text("took back what participant ");
  text.append(index).append(" held: pid ").append(pid).append(" has died");
  logging::write(LogLevel::warning, "participant.reclaimed", text);
}

}  // namespace

bool reclaim_participant(const Attachment& bus, std::uint32_t index) noexcept {
  const ParticipantWord seen{
      bus.view.participant(index).state.load(std::memory_order_acquire)};  // SYNC slot.alive
  if (seen.state() == ParticipantState::free) return false;
  const ParticipantId party = ParticipantId::make(index, seen.epoch());
  if (!bus.dead(party)) return false;
  // Before the slot is free: the next to sit there writes a pid of its own.
  const auto pid = bus.view.participant(index).pid.load(std::memory_order_relaxed);
  if (!reclaim(bus, party)) return false;
  tell_reclaimed(index, pid);
  return true;
}

std::size_t reclaim_all(const Attachment& bus) noexcept {
  std::size_t freed = 0;
  for (std::uint32_t i = 0; i < bus.view.capacities().participants; ++i) {
    if (reclaim_participant(bus, i)) ++freed;
  }
  return freed;
}

void leave(const Attachment& bus) noexcept { (void)reclaim(bus, bus.me); }

namespace {

bool is_of(const segment::View& view, ParticipantId party, std::uint32_t uid) noexcept {
  return party.index() < view.capacities().participants &&
         view.participant(party.index()).uid.load(std::memory_order_relaxed) == uid;
}

}  // namespace

namespace {

/// An orphan at an endpoint that nobody owns, of a caller of that user.
bool is_stranded(const segment::View& view, LaneWord seen, std::uint32_t uid) noexcept {
  if (seen.state() != LaneState::orphan || seen.endpoint() >= view.capacities().endpoints) {
    return false;
  }
  if (uid != of_any_user && !is_of(view, seen.party(), uid)) return false;
  // SYNC endpoint.control
  return !ControlWord{
      view.endpoint(seen.endpoint()).control.control.load(std::memory_order_acquire)}
              .active();
}

bool holds_memory(const segment::View& view, ParticipantId party) noexcept {
  for (std::uint32_t i = 0; i < view.capacities().extents; ++i) {
    // SYNC extent.lease
    if (ExtentWord{view.extent_word(i).load(std::memory_order_acquire)}.party() == party) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::size_t drop_stranded_lanes(const Attachment& bus, std::uint32_t uid) noexcept {
  std::size_t freed = 0;
  for (std::uint32_t lane = 0; lane < bus.view.capacities().lanes; ++lane) {
    if (!is_stranded(bus.view, lane::load_word(bus.view, lane), uid)) continue;
    if (lane::free_unserved_orphan(bus.view, lane, true)) ++freed;
  }
  return freed;
}

bool drop_one_stranded(const Attachment& bus, std::uint32_t uid, bool with_memory) noexcept {
  const auto& view = bus.view;
  ParticipantId chosen;
  bool freed = false;
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const LaneWord seen = lane::load_word(view, lane);
    if (!is_stranded(view, seen, uid)) continue;
    const bool another = chosen.nobody() && (!with_memory || holds_memory(view, seen.party()));
    if (!another && seen.party() != chosen) continue;
    if (!lane::free_unserved_orphan(view, lane, true)) continue;
    chosen = seen.party();
    freed = true;
  }
  if (freed) (void)reclaim_participant(bus, chosen.index());
  return freed;
}

}  // namespace shmbus::recovery
