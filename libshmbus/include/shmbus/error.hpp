// Errors are values. Nothing in this library throws, prints or aborts across its interface.
//
// Every operation that can fail returns Result<T>, which has the shape of std::expected. An Error
// says what kind of thing happened (stable numbers, the same in every process and release), the
// handler's own code where a handler refused, what lay behind it where that was another command,
// and in words what to do. It holds its text inline: making, moving and reading an Error allocates
// nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

#include "shmbus/causes.hpp"
#include "shmbus/error_kind.hpp"
#include "shmbus/fixed_string.hpp"

namespace shmbus {

struct Error {
  ErrorKind kind = ErrorKind::none;
  std::int32_t code = 0;     ///< the handler's own code when kind is rejected, else errno or 0
  std::uint64_t needed = 0;  ///< bytes, when kind is too_large
  FixedText<232> message;    ///< what happened and what to do
  Causes causes{};           ///< commands that failed below this one, the nearest first
  bool never_ran = false;    ///< of timed_out and the like: it was not started and will not be
  std::uint64_t retry_after_ns = 0;  ///< of overloaded: sooner is of no use; 0: not known
};

/// False: the command is known not to have been started, and it will not be; sending it again
/// cannot run it twice.
constexpr bool may_have_started(const Error& error) noexcept {
  constexpr KindSet before_start{
      ErrorKind::not_registered, ErrorKind::cancelled, ErrorKind::handler_died_before_start,
      ErrorKind::overloaded,     ErrorKind::none,      ErrorKind::limit_reached,
      ErrorKind::wrong_thread,   ErrorKind::forked,    ErrorKind::not_permitted};
  return !error.never_ran && !before_start.has(error.kind);
}

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorKind kind, std::string_view message,
                                  std::int32_t code = 0) noexcept {
  return tl::unexpected<Error>(Error{kind, code, 0, message});
}

/// A handler's answer: done, or a refusal with a code of its own and a few words.
class Status {
 public:
  static constexpr std::size_t message_max = 40;

  constexpr Status() noexcept = default;
  static constexpr Status ok() noexcept { return {}; }
  /// `code` is the handler's own; the message travels to the caller, cut to 40 bytes.
  static constexpr Status reject(std::int32_t code, std::string_view message = {}) noexcept {
    return {ErrorKind::rejected, code, message};
  }
  /// For what stands before a handler and did not let the command through to it: the caller gets
  /// `kind`, which is not_permitted, overloaded or invalid_argument. Others become `rejected`.
  static constexpr Status refuse(ErrorKind kind, std::string_view message = {},
                                 std::int32_t code = 0) noexcept {
    constexpr KindSet kinds{ErrorKind::not_permitted, ErrorKind::overloaded,
                            ErrorKind::invalid_argument};
    return {kinds.has(kind) ? kind : ErrorKind::rejected, code, message};
  }
  /// This rejection, because `command`, called by the handler, failed with `error`. The caller
  /// finds it in Error::causes, before what `error` had for causes. The message is cut as needed,
  /// to no less than 12 bytes. Only a rejection carries causes.
  [[nodiscard]] constexpr Status because(const Error& error,
                                         std::string_view command) const noexcept {
    if (kind_ != ErrorKind::rejected) return *this;
    Causes causes = error.causes;
    causes.push_front({error.kind, error.code, command});
    Status status(kind_, code_, {});
    const char size = static_cast<char>(causes.bytes().size());
    status.body_.append({&size, 1}).append(causes.bytes()).append(message());
    status.has_causes_ = true;
    return status;
  }

  [[nodiscard]] constexpr bool is_ok() const noexcept { return kind_ == ErrorKind::none; }
  [[nodiscard]] constexpr ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] constexpr std::int32_t code() const noexcept { return code_; }
  [[nodiscard]] constexpr std::string_view message() const noexcept {
    const auto body = body_.view();
    return has_causes_ ? body.substr(1 + static_cast<std::size_t>(body[0])) : body;
  }
  [[nodiscard]] constexpr bool has_causes() const noexcept { return has_causes_; }
  /// As it travels: the message, behind the causes if there are any.
  [[nodiscard]] constexpr std::string_view body() const noexcept { return body_.view(); }

 private:
  constexpr Status(ErrorKind kind, std::int32_t code, std::string_view message) noexcept
      : kind_(kind), code_(code), body_(message.substr(0, message_max)) {}

  ErrorKind kind_ = ErrorKind::none;
  bool has_causes_ = false;
  std::int32_t code_ = 0;
  FixedText<48> body_;
};

}  // namespace shmbus
