// How much room a call needs.
#pragma once

#include <cstddef>
#include <vector>

#include "gateway/bus_link.hpp"
#include "gateway/config.hpp"

namespace shmbus::gateway {

/// For its reply.
std::size_t reply_capacity(const KnownName& known, const Limits& limits) noexcept;
/// For the records of a stream: what is usual, or room for the largest of `requests`.
std::size_t stream_window(const std::vector<std::vector<std::byte>>& requests) noexcept;

/// Of something that failed before the command was sent.
inline Error not_sent(Error error) noexcept {
  error.never_ran = true;
  return error;
}

}  // namespace shmbus::gateway
