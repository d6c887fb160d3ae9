// What of a bus is in use: slots, lanes, extents, endpoints. Conservation checks count with it.
#pragma once

#include <ostream>

#include "layout/words.hpp"
#include "session/core.hpp"

namespace shmbus::test {

struct Census {
  std::uint32_t participants = 0;
  std::uint32_t dead = 0;  ///< of them
  std::uint32_t lanes = 0;
  std::uint32_t extents = 0;
  std::uint32_t endpoints = 0;
  std::uint32_t leases = 0;  ///< name records leased and not published

  friend bool operator==(const Census&, const Census&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Census& c) {
    return out << "participants=" << c.participants << " dead=" << c.dead << " lanes=" << c.lanes
               << " extents=" << c.extents << " endpoints=" << c.endpoints
               << " leases=" << c.leases;
  }
};

inline Census census(const segment::View& view) {
  Census c;
  const auto& all = view.capacities();
  for (std::uint32_t i = 0; i < all.participants; ++i) {
    const auto state = layout::ParticipantWord{view.participant(i).state.load()}.state();
    c.participants += state != layout::ParticipantState::free ? 1U : 0U;
    c.dead += state == layout::ParticipantState::dead ? 1U : 0U;
  }
  for (std::uint32_t i = 0; i < all.lanes; ++i) {
    const layout::LaneWord word{view.lane_word(i).load()};
    c.lanes += word.state() != layout::LaneState::free ? 1U : 0U;
  }
  for (std::uint32_t i = 0; i < all.extents; ++i) {
    c.extents += layout::ExtentWord{view.extent_word(i).load()}.party().nobody() ? 0U : 1U;
  }
  for (std::uint32_t i = 0; i < all.endpoints; ++i) {
    const layout::ControlWord control{view.endpoint(i).control.control.load()};
    c.endpoints += control.active() ? 1U : 0U;
  }
  for (std::uint32_t i = 0; i < all.names; ++i) {
    const auto lease = view.name(i).lease.load();
    c.leases += lease != 0 && lease != layout::lease_published ? 1U : 0U;
  }
  return c;
}

}  // namespace shmbus::test
