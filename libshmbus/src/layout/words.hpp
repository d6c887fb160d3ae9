// The packed 64-bit words of the format: each is one atomic object whose whole value moves by one
// store or one CAS, so that a kill can never leave half of a decision behind.
//
//   word          bits, from the top                                     who moves it
//   ParticipantId  epoch 12 | index 12                    (24 bits)      -
//   CellWord      seq 48 | phase 2 | code 14                             caller, then the owner
//   CursorWord    seq 48 | cell 16                                       owner of the endpoint
//   WaitWord      seq 48 | lane + 1                                      owner of the endpoint
//   ControlWord   holder 24 | standby 24 | gen 12 | slot 1 | state 3     CAS
//   DrainingWord  slot 1 | party 24 (low 25 bits)                        CAS, by its party or after
//                                                                        proof of its death
//   LaneWord      gen 16 | party 24 | endpoint 10 | state 2 | served 12  CAS
//   ParticipantWord  epoch 12 | state 4 (low 16 bits)                    CAS
//   ExtentWord    party 24 | generation 40                               CAS
//   TicketWord    turn 32 | lane 16 | tag 16                             CAS (producers), owner
//
// Those of names: name_words.hpp; of events: event_words.hpp.
//
// Everything here is a plain value: loading, checking and storing happen where the word is used.
#pragma once

#include <cstdint>

namespace shmbus::layout {

/// A participant and the generation of its slot. The zero value means "nobody".
struct ParticipantId {
  std::uint32_t bits = 0;

  static constexpr ParticipantId make(std::uint32_t index, std::uint32_t epoch) noexcept {
    return {((epoch & 0xFFFU) << 12U) | (index & 0xFFFU)};
  }
  static constexpr ParticipantId from_bits(std::uint64_t raw) noexcept {
    return {static_cast<std::uint32_t>(raw & 0xFFFFFFU)};
  }
  [[nodiscard]] constexpr std::uint32_t index() const noexcept { return bits & 0xFFFU; }
  [[nodiscard]] constexpr std::uint32_t epoch() const noexcept { return bits >> 12U; }
  [[nodiscard]] constexpr bool nobody() const noexcept { return bits == 0; }
  friend constexpr bool operator==(ParticipantId, ParticipantId) noexcept = default;
};

/// Epochs and served tags are 12 bits wide and skip 0, which means "none".
constexpr std::uint32_t next_epoch(std::uint32_t epoch) noexcept {
  const std::uint32_t next = (epoch + 1U) & 0xFFFU;
  return next == 0 ? 1U : next;
}

enum class Phase : std::uint32_t {
  free = 0,     ///< never used in this lease of the lane
  request = 1,  ///< a call: the owner answers in this line
  reply = 2,    ///< answered, or told that its handler died
  send = 3,     ///< a one-way command: retired through the owner's `done`
};

struct CellWord {
  std::uint64_t bits = 0;

  static constexpr std::uint64_t code_mask = 0x3FFF;
  static constexpr std::uint64_t seq_max = (1ULL << 48U) - 1U;

  static constexpr CellWord make(std::uint64_t seq, Phase phase, std::uint32_t code) noexcept {
    return {(seq << 16U) | (static_cast<std::uint64_t>(phase) << 14U) | (code & code_mask)};
  }
  [[nodiscard]] constexpr std::uint64_t seq() const noexcept { return bits >> 16U; }
  [[nodiscard]] constexpr Phase phase() const noexcept {
    return static_cast<Phase>((bits >> 14U) & 3U);
  }
  [[nodiscard]] constexpr std::uint32_t code() const noexcept {
    return static_cast<std::uint32_t>(bits & code_mask);
  }
  /// A request or a one-way command: the two odd phases.
  [[nodiscard]] constexpr bool is_command() const noexcept { return (bits & (1U << 14U)) != 0; }
};

struct CursorWord {
  std::uint64_t bits = 0;

  static constexpr CursorWord make(std::uint64_t seq, std::uint32_t cell) noexcept {
    return {(seq << 16U) | (cell & 0xFFFFU)};
  }
  [[nodiscard]] constexpr std::uint64_t seq() const noexcept { return bits >> 16U; }
  [[nodiscard]] constexpr std::uint32_t cell() const noexcept {
    return static_cast<std::uint32_t>(bits & 0xFFFFU);
  }
};

/// A command that somebody waits for, by its lane. The zero value: none.
struct WaitWord {
  std::uint64_t bits = 0;

  static constexpr WaitWord make(std::uint32_t lane, std::uint64_t seq) noexcept {
    return {(seq << 16U) | ((lane + 1ULL) & 0xFFFFU)};
  }
  [[nodiscard]] constexpr bool none() const noexcept { return (bits & 0xFFFFU) == 0; }
  [[nodiscard]] constexpr std::uint32_t lane() const noexcept {
    return static_cast<std::uint32_t>(bits & 0xFFFFU) - 1U;
  }
  [[nodiscard]] constexpr std::uint64_t seq() const noexcept { return bits >> 16U; }
};

/// Which of a server's workers run handlers, and since when the oldest of these has run. For those
/// who look at it from outside. The zero value: no workers.
struct WorkersWord {
  std::uint64_t bits = 0;

  static constexpr unsigned shift = 20;  // ticks to units
  static constexpr unsigned unit_bits = 44;
  /// `since`: in ticks; of no meaning while none is busy.
  static constexpr WorkersWord make(std::uint64_t since, std::uint32_t busy,
                                    std::uint32_t all) noexcept {
    return {((since >> shift) << 20U) | ((busy & 0x3FFULL) << 10U) | (all & 0x3FFULL)};
  }
  [[nodiscard]] constexpr std::uint32_t all() const noexcept {
    return static_cast<std::uint32_t>(bits & 0x3FFU);
  }
  [[nodiscard]] constexpr std::uint32_t busy() const noexcept {
    return static_cast<std::uint32_t>((bits >> 10U) & 0x3FFU);
  }
  /// For how long the oldest has run, to about a millisecond; 0 when none does.
  [[nodiscard]] constexpr std::uint64_t oldest_ticks(std::uint64_t now) const noexcept {
    if (busy() == 0) return 0;
    const std::uint64_t units = ((now >> shift) - (bits >> 20U)) & ((1ULL << unit_bits) - 1);
    return units >> (unit_bits - 1) != 0 ? 0 : units << shift;  // it began after `now` was read
  }
};

enum class EndpointState : std::uint32_t { vacant = 0, active = 1 };

struct ControlWord {
  std::uint64_t bits = 0;

  static constexpr ControlWord make(ParticipantId holder, ParticipantId standby, std::uint32_t gen,
                                    std::uint32_t slot, EndpointState state) noexcept {
    return {(static_cast<std::uint64_t>(holder.bits) << 40U) |
            (static_cast<std::uint64_t>(standby.bits) << 16U) |
            (static_cast<std::uint64_t>(gen & 0xFFFU) << 4U) |
            (static_cast<std::uint64_t>(slot & 1U) << 3U) | static_cast<std::uint64_t>(state)};
  }
  [[nodiscard]] constexpr ParticipantId holder() const noexcept {
    return ParticipantId::from_bits(bits >> 40U);
  }
  [[nodiscard]] constexpr ParticipantId standby() const noexcept {
    return ParticipantId::from_bits(bits >> 16U);
  }
  [[nodiscard]] constexpr std::uint32_t gen() const noexcept {
    return static_cast<std::uint32_t>((bits >> 4U) & 0xFFFU);
  }
  [[nodiscard]] constexpr std::uint32_t slot() const noexcept {
    return static_cast<std::uint32_t>((bits >> 3U) & 1U);
  }
  [[nodiscard]] constexpr bool active() const noexcept {
    return (bits & 7U) == static_cast<std::uint64_t>(EndpointState::active);
  }
  /// The same ownership; the standby does not count.
  [[nodiscard]] constexpr ControlWord with_standby(ParticipantId party) const noexcept {
    return {(bits & ~(0xFFFFFFULL << 16U)) | (static_cast<std::uint64_t>(party.bits) << 16U)};
  }
  [[nodiscard]] constexpr bool same_owner(ControlWord other) const noexcept {
    return with_standby({}).bits == other.with_standby({}).bits;
  }
  /// The holder gives its endpoint to its standby. The generation stays, and with it every name
  /// and every lane: only the journal slot is the new owner's.
  [[nodiscard]] constexpr ControlWord handed_over(std::uint32_t to_slot) const noexcept {
    return make(standby(), {}, gen(), to_slot, EndpointState::active);
  }
  [[nodiscard]] constexpr ControlWord vacated() const noexcept {
    return make({}, {}, gen(), slot(), EndpointState::vacant);
  }
};

/// Who has given the endpoint away and still owes answers there: those below the cursor of its
/// journal slot. While it stands, nobody else writes that slot.
struct DrainingWord {
  std::uint64_t bits = 0;

  static constexpr DrainingWord make(ParticipantId party, std::uint32_t slot) noexcept {
    return {(static_cast<std::uint64_t>(slot & 1U) << 24U) | party.bits};
  }
  [[nodiscard]] constexpr ParticipantId party() const noexcept {
    return ParticipantId::from_bits(bits);
  }
  [[nodiscard]] constexpr std::uint32_t slot() const noexcept {
    return static_cast<std::uint32_t>((bits >> 24U) & 1U);
  }
  [[nodiscard]] constexpr bool nobody() const noexcept { return party().nobody(); }
};

enum class LaneState : std::uint32_t {
  free = 0,
  allocating = 1,  ///< a caller is initialising it; nobody else looks inside
  attached = 2,    ///< its caller publishes, the owner of the endpoint serves
  orphan = 3,      ///< its caller left or died; the owner finishes what was committed
};

struct LaneWord {
  std::uint64_t bits = 0;

  static constexpr LaneWord make(std::uint32_t gen, ParticipantId party, std::uint32_t endpoint,
                                 LaneState state, std::uint32_t served) noexcept {
    return {(static_cast<std::uint64_t>(gen & 0xFFFFU) << 48U) |
            (static_cast<std::uint64_t>(party.bits) << 24U) |
            (static_cast<std::uint64_t>(endpoint & 0x3FFU) << 14U) |
            (static_cast<std::uint64_t>(state) << 12U) | (served & 0xFFFU)};
  }
  [[nodiscard]] constexpr std::uint32_t gen() const noexcept {
    return static_cast<std::uint32_t>(bits >> 48U);
  }
  [[nodiscard]] constexpr ParticipantId party() const noexcept {
    return ParticipantId::from_bits(bits >> 24U);
  }
  [[nodiscard]] constexpr std::uint32_t endpoint() const noexcept {
    return static_cast<std::uint32_t>((bits >> 14U) & 0x3FFU);
  }
  [[nodiscard]] constexpr LaneState state() const noexcept {
    return static_cast<LaneState>((bits >> 12U) & 3U);
  }
  /// The gen of the endpoint's owner that serves this lane; 0 when nobody does.
  [[nodiscard]] constexpr std::uint32_t served() const noexcept {
    return static_cast<std::uint32_t>(bits & 0xFFFU);
  }
  [[nodiscard]] constexpr bool in_use() const noexcept {
    return state() == LaneState::attached || state() == LaneState::orphan;
  }
  [[nodiscard]] constexpr LaneWord with_state(LaneState next) const noexcept {
    return make(gen(), party(), endpoint(), next, served());
  }
  [[nodiscard]] constexpr LaneWord with_served(std::uint32_t tag) const noexcept {
    return make(gen(), party(), endpoint(), state(), tag);
  }
  [[nodiscard]] constexpr LaneWord freed() const noexcept {
    return make(gen() + 1U, ParticipantId{}, 0, LaneState::free, 0);
  }
};

enum class ParticipantState : std::uint32_t { free = 0, alive = 1, dead = 2 };

struct ParticipantWord {
  std::uint64_t bits = 0;

  static constexpr ParticipantWord make(std::uint32_t epoch, ParticipantState state) noexcept {
    return {(static_cast<std::uint64_t>(epoch & 0xFFFU) << 4U) | static_cast<std::uint64_t>(state)};
  }
  [[nodiscard]] constexpr std::uint32_t epoch() const noexcept {
    return static_cast<std::uint32_t>((bits >> 4U) & 0xFFFU);
  }
  [[nodiscard]] constexpr ParticipantState state() const noexcept {
    return static_cast<ParticipantState>(bits & 0xFU);
  }
};

struct ExtentWord {
  std::uint64_t bits = 0;

  static constexpr ExtentWord make(ParticipantId party, std::uint64_t gen) noexcept {
    return {(static_cast<std::uint64_t>(party.bits) << 40U) | (gen & ((1ULL << 40U) - 1U))};
  }
  [[nodiscard]] constexpr ParticipantId party() const noexcept {
    return ParticipantId::from_bits(bits >> 40U);
  }
  [[nodiscard]] constexpr std::uint64_t gen() const noexcept { return bits & ((1ULL << 40U) - 1U); }
};

/// One inbox slot. `turn` is 2 * lap while empty for that lap and 2 * lap + 1 while full.
struct TicketWord {
  std::uint64_t bits = 0;

  static constexpr TicketWord make(std::uint32_t turn, std::uint32_t lane,
                                   std::uint32_t tag) noexcept {
    return {(static_cast<std::uint64_t>(turn) << 32U) | ((lane & 0xFFFFULL) << 16U) |
            (tag & 0xFFFFU)};
  }
  [[nodiscard]] constexpr std::uint32_t turn() const noexcept {
    return static_cast<std::uint32_t>(bits >> 32U);
  }
  [[nodiscard]] constexpr std::uint32_t lane() const noexcept {
    return static_cast<std::uint32_t>((bits >> 16U) & 0xFFFFU);
  }
  [[nodiscard]] constexpr std::uint32_t tag() const noexcept {
    return static_cast<std::uint32_t>(bits & 0xFFFFU);
  }
};

}  // namespace shmbus::layout
