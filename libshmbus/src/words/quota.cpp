#include "words/quota.hpp"

#include <unistd.h>

#include "layout/event_words.hpp"
#include "layout/participant.hpp"
#include "layout/words.hpp"
#include "words/directory.hpp"

namespace shmbus::quota {

using layout::ControlWord;
using layout::ExtentWord;
using layout::LaneState;
using layout::LaneWord;
using layout::ParticipantId;
using layout::ParticipantState;
using layout::ParticipantWord;

namespace {

std::uint32_t limit_of(const layout::Quotas& quotas, Of what) noexcept {
  switch (what) {
    case Of::participants:
      return quotas.participants;
    case Of::endpoints:
      return quotas.endpoints;
    case Of::names:
      return quotas.names;
    case Of::lanes:
      return quotas.lanes;
    case Of::extents:
      return quotas.extents;
  }
  return 0;
}

std::string_view name_of(Of what) noexcept {
  switch (what) {
    case Of::participants:
      return "participants";
    case Of::endpoints:
      return "endpoints";
    case Of::names:
      return "names";
    case Of::lanes:
      return "lanes";
    case Of::extents:
      return "extents";
  }
  return "";
}

/// Whether a participant belongs to the user. A slot keeps the uid as long as any word names the
/// participant, also after its death.
bool is_of(const segment::View& view, ParticipantId party, std::uint32_t uid) noexcept {
  return !party.nobody() && party.index() < view.capacities().participants &&
         view.participant(party.index()).uid.load(std::memory_order_relaxed) == uid;
}

template <class Held>
std::uint32_t count(std::uint32_t all, Held held) noexcept {
  std::uint32_t total = 0;
  for (std::uint32_t i = 0; i < all; ++i) total += held(i) ? 1U : 0U;
  return total;
}

bool slot_of(const segment::View& view, std::uint32_t i, std::uint32_t uid) noexcept {
  const auto& slot = view.participant(i);
  // SYNC slot.alive
  const ParticipantWord seen{slot.state.load(std::memory_order_acquire)};
  // Slots of the dead do not count: the user's next process comes to finish what they left.
  return seen.state() == ParticipantState::alive && slot.uid.load(std::memory_order_relaxed) == uid;
}

bool endpoint_of(const segment::View& view, std::uint32_t i, std::uint32_t uid) noexcept {
  // SYNC endpoint.control
  const ControlWord seen{view.endpoint(i).control.control.load(std::memory_order_acquire)};
  return seen.active() && is_of(view, seen.holder(), uid);
}

bool name_is_of(const segment::View& view, std::uint32_t i, std::uint32_t uid) noexcept {
  const auto& record = view.name(i);
  return record.lease.load(std::memory_order_relaxed) != 0 &&
         record.owner_uid.load(std::memory_order_relaxed) == uid;
}

bool lane_of(const segment::View& view, std::uint32_t i, std::uint32_t uid) noexcept {
  const LaneWord seen = lane::load_word(view, i);
  return seen.state() != LaneState::free && is_of(view, seen.party(), uid);
}

bool extent_of(const segment::View& view, std::uint32_t i, std::uint32_t uid) noexcept {
  const ExtentWord seen{view.extent_word(i).load(std::memory_order_acquire)};  // SYNC extent.lease
  if (seen.party().index() == layout::broadcast_party_index) {
    const std::uint32_t lane = seen.party().epoch() - 1U;
    return lane < view.capacities().broadcasts &&
           view.broadcast(lane).shape.uid.load(std::memory_order_relaxed) == uid;
  }
  return is_of(view, seen.party(), uid);
}

std::uint32_t held_by(const segment::View& view, Of what, std::uint32_t uid) noexcept {
  const auto& all = view.capacities();
  switch (what) {
    case Of::participants:
      return count(all.participants, [&](std::uint32_t i) { return slot_of(view, i, uid); });
    case Of::endpoints:
      return count(all.endpoints, [&](std::uint32_t i) { return endpoint_of(view, i, uid); });
    case Of::names:
      return count(all.names, [&](std::uint32_t i) { return name_is_of(view, i, uid); });
    case Of::lanes:
      return count(all.lanes, [&](std::uint32_t i) { return lane_of(view, i, uid); });
    case Of::extents:
      return count(all.extents, [&](std::uint32_t i) { return extent_of(view, i, uid); });
  }
  return 0;
}

}  // namespace

std::uint32_t own_user() noexcept { return ::getuid(); }

bool exceeded(const Attachment& bus, Of what, std::uint32_t more) noexcept {
  const std::uint32_t limit = limit_of(bus.quotas, what);
  if (limit == 0) return false;
  const std::uint32_t uid = own_user();
  return uid != 0 && std::uint64_t{held_by(bus.view, what, uid)} + more > limit;
}

tl::unexpected<Error> reached(const Attachment& bus, Of what) noexcept {
  Error error{ErrorKind::limit_reached, 0, 0, {}};
  error.message.append("the quota of user ")
      .append(own_user())
      .append(" is used up: at most ")
      .append(limit_of(bus.quotas, what))
      .append(" ")
      .append(name_of(what))
      .append(" at a time (quotas_per_uid.")
      .append(name_of(what))
      .append(" of the bus): close what is not needed");
  return tl::unexpected<Error>(error);
}

}  // namespace shmbus::quota
