// Errors are values. Nothing in this library throws, prints or aborts across its interface.
//
// Every operation that can fail returns Result<T>, which has the shape of std::expected. An Error
// says what kind of thing happened (stable numbers, the same in every process and release), the
// handler's own code where a handler refused, and in words what to do. It holds its text inline:
// making, moving and reading an Error allocates nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

#include "shmbus/export.hpp"
#include "shmbus/fixed_string.hpp"

namespace shmbus {

/// What happened. Numbers are stable: they are exit codes of the CLI and may be stored.
enum class ErrorKind : std::uint16_t {
  none = 0,
  not_registered = 1,             ///< no live handler has this name; the command did not start
  rejected = 2,                   ///< the handler ran and said no; `code` is its own
  timed_out = 3,                  ///< no answer before the deadline; it may have run
  cancelled = 4,                  ///< cancelled before it started
  handler_died_before_start = 5,  ///< it was not run
  handler_died_after_start = 6,   ///< it was started once, its outcome is unknown
  overloaded = 7,                 ///< no free cell, lane, ticket or memory; nothing was sent
  type_mismatch = 8,              ///< both sides disagree about the types of this name
  too_large = 9,                  ///< `needed` says what it would take
  not_permitted = 10,
  bus_unusable = 11,        ///< the segment cannot be opened or used
  already_registered = 12,  ///< somebody else owns this name
  invalid_argument = 13,
  wrong_thread = 14,   ///< a caller belongs to the thread that made it
  forked = 15,         ///< handles do not survive fork: open the bus again
  corrupted = 16,      ///< a peer wrote what no correct peer writes
  abandoned = 17,      ///< the handler dropped the command without answering
  limit_reached = 18,  ///< a capacity of the bus is used up; the text names the option
};

/// Short stable name of a kind, e.g. "timed_out".
SHMBUS_API std::string_view to_string(ErrorKind kind) noexcept;

struct Error {
  ErrorKind kind = ErrorKind::none;
  std::int32_t code = 0;     ///< the handler's own code when kind is rejected, else errno or 0
  std::uint64_t needed = 0;  ///< bytes, when kind is too_large
  FixedText<232> message;    ///< what happened and what to do
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorKind kind, std::string_view message,
                                  std::int32_t code = 0) noexcept {
  return tl::unexpected<Error>(Error{kind, code, 0, message});
}

/// A handler's answer: done, or a refusal with a code of its own and a few words.
class Status {
 public:
  constexpr Status() noexcept = default;
  static constexpr Status ok() noexcept { return {}; }
  /// `code` is the handler's own; the message travels to the caller, cut to 40 bytes.
  static constexpr Status reject(std::int32_t code, std::string_view message = {}) noexcept {
    Status status;
    status.rejected_ = true;
    status.code_ = code;
    status.message_ = message;
    return status;
  }

  [[nodiscard]] constexpr bool is_ok() const noexcept { return !rejected_; }
  [[nodiscard]] constexpr std::int32_t code() const noexcept { return code_; }
  [[nodiscard]] constexpr std::string_view message() const noexcept { return message_.view(); }

 private:
  bool rejected_ = false;
  std::int32_t code_ = 0;
  FixedText<40> message_;
};

}  // namespace shmbus
