// For what carries commands to somewhere else, such as another machine or another bus, and answers
// for the handler there: how an error that came from there reaches the caller as it is, whatever
// its kind.
//
//   responder.reject(shmbus::relayed(error));
//
// It travels as a rejection whose first cause is the error, with the name "\x01", which no command
// can have. The caller's library finds it and takes the rejection off. A library that does not know
// of it shows the rejection, with the error as its cause.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "shmbus/error.hpp"

namespace shmbus {

namespace detail {
inline constexpr std::string_view relayed_mark = "\x01";
inline constexpr std::string_view relayed_unrun_mark = "\x02";  // and it never ran

/// Takes off what relayed() put around an error, if it did.
constexpr void take_off_relay(Error& error) noexcept {
  if (error.kind != ErrorKind::rejected || error.causes.empty()) return;
  const Cause first = *error.causes.begin();
  const bool unrun = first.command == relayed_unrun_mark;
  if (!unrun && first.command != relayed_mark) return;
  if (first.kind == ErrorKind::none || first.kind > last_error_kind) return;
  const Causes all = error.causes;
  std::array<Cause, Causes::links_max> links{};
  std::size_t count = 0;
  for (const Cause one : all) links[count++] = one;
  error.kind = first.kind;
  error.code = first.code;
  error.never_ran = unrun;
  error.causes = {};
  while (count > 1) error.causes.push_front(links[--count]);
}
}  // namespace detail

/// The caller gets `error`: kind, code, causes, whether it may have run, and as much of the message
/// as fits. `needed` and `retry_after_ns` do not travel.
constexpr Status relayed(const Error& error) noexcept {
  if (error.kind == ErrorKind::rejected && error.causes.empty()) {
    return Status::reject(error.code, error.message.view());
  }
  Error inner = error;
  if (inner.kind == ErrorKind::none) inner.kind = ErrorKind::corrupted;
  return Status::reject(error.code, error.message.view())
      .because(inner, error.never_ran ? detail::relayed_unrun_mark : detail::relayed_mark);
}

}  // namespace shmbus
