// Reading the words of an answered cell, after the one copy that was made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "layout/status_code.hpp"
#include "layout/words.hpp"
#include "shmbus/error.hpp"
#include "words/request.hpp"

namespace shmbus::detail {

inline std::span<const std::byte> inline_reply(const lane::CellWords& words,
                                               std::size_t bytes) noexcept {
  return {reinterpret_cast<const std::byte*>(words.data()) + lane::reply_inline_offset, bytes};
}

inline StatusCode status_in(const lane::CellWords& words) noexcept {
  return static_cast<StatusCode>(layout::CellWord{words[0]}.code());
}
inline bool is_ok(const lane::CellWords& words) noexcept {
  return status_in(words) == StatusCode::ok;
}

/// The handler answered in the cell, which has room for more than this caller gave.
inline tl::unexpected<Error> reply_too_large(std::uint32_t needed) noexcept {
  Error error{ErrorKind::too_large, 0, needed, {}};
  error.message.append("the reply needs room for ").append(needed).append(" bytes");
  return tl::unexpected<Error>(error);
}

inline tl::unexpected<Error> reply_out_of_bounds() noexcept {
  return fail(ErrorKind::corrupted, "the handler's answer claims more bytes than there are");
}

}  // namespace shmbus::detail
