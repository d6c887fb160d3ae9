// Where one command's answer goes: the command's own cell, and the caller's block when the answer
// is large. Written by one thread, once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "endpoint/status_code.hpp"
#include "layout/lane.hpp"
#include "layout/limits.hpp"
#include "layout/words.hpp"
#include "shmbus/error.hpp"

namespace shmbus::serve {

struct ReplyTarget {
  layout::LaneHead* lane = nullptr;
  layout::Cell* cell = nullptr;
  std::uint64_t seq = 0;
  std::byte* block = nullptr;  ///< the caller's memory, checked; null when it gave none
  std::uint32_t capacity = 0;  ///< of the block
  std::uint32_t size = 0;
  std::uint32_t needed = 0;  ///< set when the caller made too little room
  /// Left uninitialised: only the `size` bytes that a handler asked for are ever sent.
  alignas(8) std::array<std::byte, layout::inline_reply_bytes> small;

  /// Empty when `bytes` do not fit what the caller made room for.
  std::span<std::byte> buffer(std::size_t bytes) noexcept;

  /// Each commits the answer by one store and wakes the caller if it sleeps.
  void commit() noexcept;
  void commit_status(const Status& status) noexcept;
  void commit_code(StatusCode code, std::uint32_t detail = 0, std::string_view text = {}) noexcept;
};

}  // namespace shmbus::serve
