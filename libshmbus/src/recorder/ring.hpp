// One ring of events: writing without waiting for anybody, reading what is whole. See
// layout/recorder.hpp for how a slot moves.
#pragma once

#include <cstdint>
#include <span>

#include "recorder/event.hpp"

namespace shmbus::recorder {

/// REQUIRES: the number of slots is a power of two. Any thread of any process, at any time.
void put(layout::RecorderHead& head, std::span<layout::RecorderSlot> slots,
         const Event& event) noexcept;

enum class SlotState : std::uint8_t {
  empty,    ///< never written
  writing,  ///< by somebody now, or by somebody who died
  torn,     ///< changed under our eyes, or its checksum is wrong
  whole,
};

struct SlotCopy {
  SlotState state = SlotState::empty;
  std::uint32_t index = 0;  ///< the low half of the event's index
  Event event;              ///< when whole
};
[[nodiscard]] SlotCopy copy(const layout::RecorderSlot& slot) noexcept;

}  // namespace shmbus::recorder
