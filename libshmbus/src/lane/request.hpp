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
inline void copy_cell(CellWords& words, const layout::Cell& cell, std::uint64_t word0) noexcept {
  words[0] = word0;
  for (std::size_t i = 1; i < 8; ++i) words[i] = cell.word[i].load(std::memory_order_relaxed);
}

/// Bytes into the words of a cell from `first_word` on. Whole words, the last one padded with
/// zeros.
inline void store_words(layout::Cell& cell, std::size_t first_word,
                        std::span<const std::byte> bytes) noexcept {
  const std::byte* from = bytes.data();
  std::size_t left = bytes.size();
  std::size_t at = first_word;
  for (; left >= 8; left -= 8, from += 8, ++at) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, 8);
    cell.word[at].store(word, std::memory_order_relaxed);
  }
  if (left != 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, left);
    cell.word[at].store(word, std::memory_order_relaxed);
  }
}

/// The way back, at most `bytes.size()` of them.
inline void load_words(const layout::Cell& cell, std::size_t first_word,
                       std::span<std::byte> bytes) noexcept {
  std::byte* to = bytes.data();
  std::size_t left = bytes.size();
  std::size_t at = first_word;
  for (; left >= 8; left -= 8, to += 8, ++at) {
    const std::uint64_t word = cell.word[at].load(std::memory_order_relaxed);
    std::memcpy(to, &word, 8);
  }
  if (left != 0) {
    const std::uint64_t word = cell.word[at].load(std::memory_order_relaxed);
    std::memcpy(to, &word, left);
  }
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
