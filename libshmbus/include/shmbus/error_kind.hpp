// ErrorKind: everything that can become of an operation, as a number that never changes.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "shmbus/export.hpp"

namespace shmbus {

/// What happened. Numbers are stable, in every release and between processes of different ones:
/// they are exit codes of the CLI, travel in replies and may be stored. A new kind gets the next
/// number; a number is never given twice. docs/errors.md says what a caller may do about each.
enum class ErrorKind : std::uint16_t {
  none = 0,
  not_registered = 1,             ///< no live handler has this name; the command did not start
  rejected = 2,                   ///< the handler ran and said no; `code` is its own
  timed_out = 3,                  ///< no answer before the deadline; it may have run
  cancelled = 4,                  ///< cancelled before it started
  handler_died_before_start = 5,  ///< it was not run
  handler_died_after_start = 6,   ///< it was started once, its outcome is unknown
  overloaded = 7,  ///< no free cell, lane, ticket or memory, or too many commands: it was not run
  type_mismatch = 8,        ///< both sides disagree about the types of this name
  too_large = 9,            ///< `needed` says what it would take
  not_permitted = 10,       ///< by the file's permissions, or by a rule of the handler's process
  bus_unusable = 11,        ///< the segment cannot be opened or used
  already_registered = 12,  ///< somebody else owns this name
  invalid_argument = 13,    ///< of an operation, or a request that its handler's process refuses
  wrong_thread = 14,        ///< a caller belongs to the thread that made it
  forked = 15,              ///< handles do not survive fork: open the bus again
  corrupted = 16,           ///< a peer wrote what no correct peer writes
  abandoned = 17,           ///< the handler dropped the command without answering
  limit_reached = 18,       ///< a capacity of the bus is used up; the text names the option
  stream_ended = 19,        ///< there is no further record; the end of the stream says why
};

/// The kind with the highest number.
inline constexpr ErrorKind last_error_kind = ErrorKind::stream_ended;

/// Short stable name of a kind, e.g. "timed_out".
SHMBUS_API std::string_view to_string(ErrorKind kind) noexcept;

/// Some of the kinds.
class KindSet {
 public:
  constexpr KindSet() noexcept = default;
  constexpr KindSet(std::initializer_list<ErrorKind> kinds) noexcept {
    for (const ErrorKind kind : kinds) bits_ |= bit(kind);
  }
  [[nodiscard]] constexpr bool has(ErrorKind kind) const noexcept {
    return (bits_ & bit(kind)) != 0;
  }
  [[nodiscard]] constexpr int size() const noexcept { return std::popcount(bits_); }

 private:
  /// A kind of a later release is in no set.
  static constexpr std::uint64_t bit(ErrorKind kind) noexcept {
    const auto number = static_cast<std::uint16_t>(kind);
    return number < 64 ? std::uint64_t{1} << number : 0;
  }
  std::uint64_t bits_ = 0;
};

}  // namespace shmbus
