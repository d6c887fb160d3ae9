// The packed words of events, as words.hpp.
//
//   word            bits, from the top                    who moves it
//   BroadcastWord   gen 16 | party 24 | name 16 | state 8   CAS
//   SubscriberWord  party 24 | mode 8 (low 32 bits)         CAS
//   EventWord       seq 48 | slot 16                        the publisher
#pragma once

#include <cstdint>

#include "layout/words.hpp"

namespace shmbus::layout {

/// The lessee of extents that hold the events of a broadcast lane: they outlive its publisher.
inline constexpr std::uint32_t broadcast_party_index = 0xFFF;
constexpr ParticipantId broadcast_party(std::uint32_t lane) noexcept {
  return ParticipantId::make(broadcast_party_index, lane + 1U);
}

enum class BroadcastState : std::uint32_t {
  free = 0,
  allocating = 1,  ///< its publisher makes it; nobody else looks inside
  attached = 2,    ///< its publisher publishes
  retired = 3,     ///< its publisher left or died; its last events can be read
  releasing = 4,   ///< anybody gives its memory back
  evicting = 5,    ///< anybody decides: releasing, or retired if its topic has subscribers
};

struct BroadcastWord {
  std::uint64_t bits = 0;

  static constexpr BroadcastWord make(std::uint32_t gen, ParticipantId party, std::uint32_t name,
                                      BroadcastState state) noexcept {
    return {(static_cast<std::uint64_t>(gen & 0xFFFFU) << 48U) |
            (static_cast<std::uint64_t>(party.bits) << 24U) |
            (static_cast<std::uint64_t>(name & 0xFFFFU) << 8U) | static_cast<std::uint64_t>(state)};
  }
  [[nodiscard]] constexpr std::uint32_t gen() const noexcept {
    return static_cast<std::uint32_t>(bits >> 48U);
  }
  [[nodiscard]] constexpr ParticipantId party() const noexcept {
    return ParticipantId::from_bits(bits >> 24U);
  }
  [[nodiscard]] constexpr std::uint32_t name() const noexcept {
    return static_cast<std::uint32_t>((bits >> 8U) & 0xFFFFU);
  }
  [[nodiscard]] constexpr BroadcastState state() const noexcept {
    return static_cast<BroadcastState>(bits & 0xFFU);
  }
  /// Its events can be read.
  [[nodiscard]] constexpr bool readable() const noexcept {
    return state() == BroadcastState::attached || state() == BroadcastState::retired;
  }
  [[nodiscard]] constexpr BroadcastWord with_state(BroadcastState next) const noexcept {
    return make(gen(), party(), name(), next);
  }
  [[nodiscard]] constexpr BroadcastWord spared() const noexcept {
    return make(gen() + 1U, party(), name(), BroadcastState::retired);
  }
  [[nodiscard]] constexpr BroadcastWord freed() const noexcept {
    return make(gen() + 1U, ParticipantId{}, 0, BroadcastState::free);
  }
};

enum class SubscriberMode : std::uint32_t {
  free = 0,
  joining = 1,  ///< no event may be overwritten until it has chosen where it begins
  skip = 2,     ///< only the event at its position may not
  hold = 3,     ///< nothing from its position on
};

struct SubscriberWord {
  std::uint64_t bits = 0;

  static constexpr SubscriberWord make(ParticipantId party, SubscriberMode mode) noexcept {
    return {(static_cast<std::uint64_t>(party.bits) << 8U) | static_cast<std::uint64_t>(mode)};
  }
  [[nodiscard]] constexpr ParticipantId party() const noexcept {
    return ParticipantId::from_bits(bits >> 8U);
  }
  [[nodiscard]] constexpr SubscriberMode mode() const noexcept {
    return static_cast<SubscriberMode>(bits & 0xFFU);
  }
  [[nodiscard]] constexpr bool holds() const noexcept {
    return mode() == SubscriberMode::hold || mode() == SubscriberMode::joining;
  }
};

/// Of a slot: the event in it, and the slot where the next one will appear. In the index: an event,
/// and its slot. Sequence numbers begin with 1.
struct EventWord {
  std::uint64_t bits = 0;

  static constexpr EventWord make(std::uint64_t seq, std::uint32_t slot) noexcept {
    return {(seq << 16U) | (slot & 0xFFFFU)};
  }
  [[nodiscard]] constexpr std::uint64_t seq() const noexcept { return bits >> 16U; }
  [[nodiscard]] constexpr std::uint32_t slot() const noexcept {
    return static_cast<std::uint32_t>(bits & 0xFFFFU);
  }
};

}  // namespace shmbus::layout
