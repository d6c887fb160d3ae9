// An event of the flight recorder as values, and the words it is stored as.
//
// Numbers of kinds and flags are part of the format. A reader shows a kind that it does not know
// by its number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "layout/recorder.hpp"
#include "layout/words.hpp"

namespace shmbus::recorder {

enum class Kind : std::uint8_t {
  none = 0,
  served = 1,       ///< a command has run, or was refused: outcome, times, request
  caller_span = 2,  ///< a traced call, as its caller saw it; this and other spans: trace/record.hpp
  joined = 3,       ///< excerpt: Identity
  left = 4,         ///< excerpt: Identity
  died = 5,  ///< found dead; written by the process that took its slot back. excerpt: Identity
  registered = 6,          ///< a name, at an endpoint
  unregistered = 7,        ///< the same, taken back
  failed_by_recovery = 8,  ///< it had started this command when it died: handler_died_after_start
  gave_up = 9,             ///< a caller's call ended without an answer: outcome is its ErrorKind
  handler_span = 20,       ///< a traced command, as its handler ran it
  work_span = 21,          ///< a piece of work that the programmer named
};

namespace event_flags {
inline constexpr std::uint8_t one_way = 1;
inline constexpr std::uint8_t deferred = 2;     ///< answered later: outcome and duration are not it
inline constexpr std::uint8_t after_sleep = 4;  ///< the handler slept before it
inline constexpr std::uint8_t timed = 8;        ///< start and duration are known
}  // namespace event_flags

inline constexpr std::uint16_t no_record = 0xFFFF;

struct Event {
  Kind kind = Kind::none;
  std::uint8_t flags = 0;
  std::uint16_t outcome = 0;         ///< StatusCode
  std::uint16_t record = no_record;  ///< of the name
  std::uint16_t lane = 0;
  std::uint16_t endpoint = 0;
  layout::ParticipantId caller;
  layout::ParticipantId handler;  ///< for kinds without a command: whom it is about
  std::uint64_t started_at = 0;   ///< clock ticks
  std::uint64_t duration_ns = 0;
  std::uint64_t queued_ns = 0;  ///< from publishing to the start; 0: not known
  std::uint32_t bytes_in = 0;
  std::uint32_t bytes_out = 0;
  std::array<std::uint64_t, 2> trace{};  ///< 0: not traced
  std::uint64_t span = 0;
  std::uint64_t parent_span = 0;
  std::array<std::byte, layout::event_excerpt_bytes> excerpt{};
  std::uint32_t detail = 0;   ///< the handler's own code
  std::uint32_t spilled = 0;  ///< tap: where the whole request lies; 0: nowhere

  void set_excerpt(std::span<const std::byte> bytes) noexcept;
  /// The first bytes of the request, as many as there are.
  [[nodiscard]] std::span<const std::byte> request_start() const noexcept {
    return {excerpt.data(), bytes_in < excerpt.size() ? bytes_in : excerpt.size()};
  }
};

/// Who somebody was, in the excerpt of joined, left and died: the slot may be another's by now.
struct Identity {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::array<char, 24> label{};  ///< NUL-padded, cut
};
static_assert(sizeof(Identity) == layout::event_excerpt_bytes);

using EventWords = std::array<std::uint64_t, 16>;

/// Words 1 to 15; word 0 is left 0.
[[nodiscard]] EventWords pack(const Event& event) noexcept;
/// Any words make some event.
[[nodiscard]] Event unpack(const EventWords& words) noexcept;

struct SlotWord {
  std::uint64_t bits = 0;

  static constexpr SlotWord make(std::uint64_t index, std::uint32_t checksum) noexcept {
    return {(index << 32U) | checksum};
  }
  [[nodiscard]] constexpr std::uint32_t index() const noexcept {
    return static_cast<std::uint32_t>(bits >> 32U);
  }
  [[nodiscard]] constexpr std::uint32_t checksum() const noexcept {
    return static_cast<std::uint32_t>(bits);
  }
};

/// Over words 1 to 15 and the index; never 0.
[[nodiscard]] std::uint32_t checksum(const EventWords& words, std::uint64_t index) noexcept;

}  // namespace shmbus::recorder
