// A request cell as values: what the caller packs and what the owner unpacks. See layout/lane.hpp
// for the picture.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "layout/lane.hpp"
#include "layout/words.hpp"

namespace shmbus::lane {

using CellWords = std::array<std::uint64_t, 8>;

/// One copy of a whole cell; word 0 was loaded and checked before.
inline CellWords copy_cell(const layout::Cell& cell, std::uint64_t word0) noexcept {
  CellWords words{};
  words[0] = word0;
  for (std::size_t i = 1; i < 8; ++i) words[i] = cell.word[i].load(std::memory_order_relaxed);
  return words;
}

struct RequestHead {
  std::uint32_t next = 0;
  std::uint32_t flags = 0;
  std::uint32_t bytes = 0;

  static constexpr RequestHead unpack(std::uint64_t word1) noexcept {
    return {static_cast<std::uint32_t>(word1 & 0xFFFFU),
            static_cast<std::uint32_t>((word1 >> 16U) & 0xFFFFU),
            static_cast<std::uint32_t>(word1 >> 32U)};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    return (next & 0xFFFFULL) | ((flags & 0xFFFFULL) << 16U) |
           (static_cast<std::uint64_t>(bytes) << 32U);
  }
  [[nodiscard]] constexpr bool has(std::uint32_t flag) const noexcept {
    return (flags & flag) != 0;
  }
  [[nodiscard]] constexpr bool names_block() const noexcept {
    return has(layout::cell_flags::request_block | layout::cell_flags::reply_block);
  }
};

/// Words 3 and 4 when the request or the reply lies in an extent.
struct BlockNames {
  std::uint32_t request_offset64 = 0;
  std::uint32_t reply_offset64 = 0;
  std::uint32_t reply_capacity = 0;
};

inline constexpr std::size_t inline_offset = 24;               // of the cell, no block named
inline constexpr std::size_t inline_beside_block_offset = 36;  // of the cell, with a block

struct ReplyHead {
  std::uint32_t bytes = 0;
  std::uint32_t detail = 0;

  static constexpr ReplyHead unpack(std::uint64_t word1) noexcept {
    return {static_cast<std::uint32_t>(word1), static_cast<std::uint32_t>(word1 >> 32U)};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    return bytes | (static_cast<std::uint64_t>(detail) << 32U);
  }
};

inline constexpr std::size_t reply_inline_offset = 16;

}  // namespace shmbus::lane
