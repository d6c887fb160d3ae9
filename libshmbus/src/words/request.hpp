// A request cell as values: what the caller packs and what the owner unpacks. See layout/lane.hpp
// for the picture.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "layout/lane.hpp"
#include "layout/limits.hpp"
#include "layout/words.hpp"

namespace shmbus::lane {

inline constexpr std::size_t deadline_word = 2;

using CellWords = std::array<std::uint64_t, 8>;
/// A request: the words of its cell, then words 2 to 7 of the one in which it goes on.
using RequestWords = std::array<std::uint64_t, 14>;

/// Two words by one store. Whoever reads the copy next is likely to read 16 bytes at a time, from
/// where the payload begins; out of two stores of 8 that would have to wait until both have left
/// the processor's store queue, which takes longer than everything else here together.
inline void put_pair(void* to, std::uint64_t low, std::uint64_t high) noexcept {
#if defined(__SSE2__)
  const __m128i pair = _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
  _mm_storeu_si128(static_cast<__m128i*>(to), pair);
#else
  const std::uint64_t pair[2] = {low, high};
  std::memcpy(to, pair, sizeof pair);
#endif
}

/// One copy of a whole cell; word 0 was loaded and checked before.
template <class Words>
void copy_cell(Words& words, const layout::Cell& cell, std::uint64_t word0) noexcept {
  const auto load = [&cell](std::size_t i) { return cell.word[i].load(std::memory_order_relaxed); };
  words[0] = word0;
  words[1] = load(1);
  words[2] = load(2);
  put_pair(&words[3], load(3), load(4));
  put_pair(&words[5], load(5), load(6));
  words[7] = load(7);
}

/// What follows, from the cell in which the request goes on.
inline void copy_continuation(RequestWords& words, const layout::Cell& cell) noexcept {
  const auto load = [&cell](std::size_t i) { return cell.word[i].load(std::memory_order_relaxed); };
  put_pair(&words[7], words[7], load(2));  // whoever reads across the seam reads one store
  put_pair(&words[9], load(3), load(4));
  put_pair(&words[11], load(5), load(6));
  words[13] = load(7);
}

inline void put_word(layout::Cell& cell, std::size_t at, const std::byte* from,
                     std::size_t bytes = 8) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  cell.word[at].store(word, std::memory_order_relaxed);
}
inline void get_word(const layout::Cell& cell, std::size_t at, std::byte* to,
                     std::size_t bytes = 8) noexcept {
  const std::uint64_t word = cell.word[at].load(std::memory_order_relaxed);
  std::memcpy(to, &word, bytes);
}

/// Bytes into the words of a cell from `First` on. Whole words, the last one padded with zeros.
/// Unrolled: every small command passes here twice.
template <std::size_t First>
[[gnu::always_inline]] inline void store_words(layout::Cell& cell,
                                               std::span<const std::byte> bytes) noexcept {
  const std::byte* from = bytes.data();
  const std::size_t whole = bytes.size() / 8;
  const auto put = [&](std::size_t i) {
    if (First + i < 8) put_word(cell, First + i, from + 8 * i);
  };
  switch (whole) {
    default:
    case 6:
      put(5);
      [[fallthrough]];
    case 5:
      put(4);
      [[fallthrough]];
    case 4:
      put(3);
      [[fallthrough]];
    case 3:
      put(2);
      [[fallthrough]];
    case 2:
      put(1);
      [[fallthrough]];
    case 1:
      put(0);
      [[fallthrough]];
    case 0:
      break;
  }
  if (const std::size_t rest = bytes.size() % 8; rest != 0 && First + whole < 8) [[unlikely]] {
    put_word(cell, First + whole, from + 8 * whole, rest);
  }
}

/// The way back, at most `bytes.size()` of them.
template <std::size_t First>
[[gnu::always_inline]] inline void load_words(const layout::Cell& cell,
                                              std::span<std::byte> bytes) noexcept {
  std::byte* to = bytes.data();
  const std::size_t whole = bytes.size() / 8;
  const auto load = [&cell](std::size_t i) { return cell.word[i].load(std::memory_order_relaxed); };
  const auto get_pair = [&](std::size_t i) {
    if (First + i + 1 < 8) put_pair(to + 8 * i, load(First + i), load(First + i + 1));
  };
  switch (whole / 2) {
    default:
    case 3:
      get_pair(4);
      [[fallthrough]];
    case 2:
      get_pair(2);
      [[fallthrough]];
    case 1:
      get_pair(0);
      [[fallthrough]];
    case 0:
      break;
  }
  if (whole % 2 != 0 && First + whole - 1 < 8)
    get_word(cell, First + whole - 1, to + 8 * (whole - 1));
  if (const std::size_t rest = bytes.size() % 8; rest != 0 && First + whole < 8) [[unlikely]] {
    get_word(cell, First + whole, to + 8 * whole, rest);
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
  /// Nothing but bytes, in one cell or in two, and as many as there is room for.
  [[nodiscard]] constexpr bool plain() const noexcept {
    const std::uint32_t shape = flags & ~layout::cell_flags::stamped;
    if (shape == 0) return bytes <= layout::inline_request_bytes;
    return shape == layout::cell_flags::continued && bytes <= layout::continued_request_bytes;
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
inline constexpr std::size_t continued_offset = 16;            // of the second cell
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
