// A request cell as values: what the caller packs and what the owner unpacks. See layout/lane.hpp
// for the picture.
#pragma once

#include <algorithm>
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
/// A request: the words of its cell, then words 1 to 7 of its second one.
using RequestWords = std::array<std::uint64_t, 15>;

/// Two words by one store. The next reader of the copy is likely to read 16 bytes at a time, from
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

inline void put_eight(void* to, std::uint64_t word) noexcept {
  std::memcpy(to, &word, sizeof word);
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

/// Words 3 to 7: what lies inline when no block is named.
template <class Words>
void copy_inline(Words& words, const layout::Cell& cell) noexcept {
  const auto load = [&cell](std::size_t i) { return cell.word[i].load(std::memory_order_relaxed); };
  put_pair(&words[3], load(3), load(4));
  put_pair(&words[5], load(5), load(6));
  words[7] = load(7);
}

/// What follows, from the second cell.
inline void copy_second(RequestWords& words, const layout::Cell& cell) noexcept {
  const auto load = [&cell](std::size_t i) { return cell.word[i].load(std::memory_order_relaxed); };
  put_pair(&words[7], words[7], load(1));  // a read across the seam reads one store
  put_pair(&words[9], load(2), load(3));
  put_pair(&words[11], load(4), load(5));
  put_pair(&words[13], load(6), load(7));
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

#if defined(__SSE2__) && !defined(SHMBUS_SCHEDULED) && !defined(__SANITIZE_THREAD__)
struct Eight {
  std::byte bytes[8];  // NOLINT: memory as an instruction takes it
};

/// Up to 56 bytes. What its caller has just written was often written 8 bytes at a time, and is
/// read so (see put_pair(); the compiler would join two loads). It is stored 16 bytes at a time,
/// the last of them over what was stored before.
[[gnu::always_inline]] inline void copy_small(void* to, const void* from,
                                              std::size_t bytes) noexcept {
  auto* out = static_cast<std::byte*>(to);
  const auto* in = static_cast<const std::byte*>(from);
  const auto load = [in](std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, in + at, sizeof word);
    return word;
  };
  const auto pair = [&](std::size_t at) {
    __m128i both;
    asm("movq %1, %0\n\tmovhps %2, %0"
        : "=&x"(both)
        : "m"(*reinterpret_cast<const Eight*>(in + at)),
          "m"(*reinterpret_cast<const Eight*>(in + at + 8)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), both);
  };
  if (bytes >= 16) [[likely]] {
    pair(0);
    if (bytes > 32) {
      pair(16);
      if (bytes > 48) pair(32);
    }
    if (bytes != 16) pair(bytes - 16);
  } else if (bytes >= 8) {
    const std::uint64_t last = load(bytes - 8);
    put_eight(out, load(0));
    put_eight(out + bytes - 8, last);
  } else if (bytes >= 4) {
    std::uint32_t first;
    std::uint32_t last;
    std::memcpy(&first, in, sizeof first);
    std::memcpy(&last, in + bytes - 4, sizeof last);
    std::memcpy(out, &first, sizeof first);
    std::memcpy(out + bytes - 4, &last, sizeof last);
  } else if (bytes != 0) {  // the first, the last and the middle one, which may be the same
    out[0] = in[0];
    out[bytes / 2] = in[bytes / 2];
    out[bytes - 1] = in[bytes - 1];
  }
}

/// Bytes into the words of a cell from `First` on. What follows the last byte is left as it is.
template <std::size_t First>
[[gnu::always_inline]] inline void store_words(layout::Cell& cell,
                                               std::span<const std::byte> bytes) noexcept {
  // Plain stores: nobody reads them before the store of word 0, which releases them.
  copy_small(reinterpret_cast<std::byte*>(&cell) + 8 * First, bytes.data(), bytes.size());
}

/// The way back.
template <std::size_t First>
[[gnu::always_inline]] inline void load_words(const layout::Cell& cell,
                                              std::span<std::byte> bytes) noexcept {
  copy_small(bytes.data(), reinterpret_cast<const std::byte*>(&cell) + 8 * First, bytes.size());
}
#else
/// Bytes into the words of a cell from `First` on. Whole words, the last one padded with zeros.
template <std::size_t First>
inline void store_words(layout::Cell& cell, std::span<const std::byte> bytes) noexcept {
  for (std::size_t at = 0; at < bytes.size() && First + at / 8 < 8; at += 8) {
    put_word(cell, First + at / 8, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
  }
}

/// The way back, at most `bytes.size()` of them.
template <std::size_t First>
inline void load_words(const layout::Cell& cell, std::span<std::byte> bytes) noexcept {
  for (std::size_t at = 0; at < bytes.size() && First + at / 8 < 8; at += 8) {
    get_word(cell, First + at / 8, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
  }
}
#endif

struct RequestHead {
  std::uint32_t next = 0;
  std::uint32_t flags = 0;
  std::uint32_t bytes = 0;
  std::uint32_t second = 0;  ///< the second cell, when it is paired

  static constexpr RequestHead unpack(std::uint64_t word1) noexcept {
    RequestHead head{static_cast<std::uint32_t>(word1 & 0xFFFFU),
                     static_cast<std::uint32_t>((word1 >> 16U) & 0xFFFFU),
                     static_cast<std::uint32_t>(word1 >> 32U)};
    if (head.paired()) {
      head.second = head.bytes >> 16U;
      head.bytes &= 0xFFFFU;
    }
    return head;
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    const std::uint32_t high = paired() ? (bytes & 0xFFFFU) | (second << 16U) : bytes;
    return (next & 0xFFFFULL) | ((flags & 0xFFFFULL) << 16U) |
           (static_cast<std::uint64_t>(high) << 32U);
  }
  [[nodiscard]] constexpr bool paired() const noexcept { return has(layout::cell_flags::paired); }
  [[nodiscard]] constexpr bool has(std::uint32_t flag) const noexcept {
    return (flags & flag) != 0;
  }
  /// Nothing but bytes, in one cell or in two, and as many as there is room for.
  [[nodiscard]] constexpr bool plain() const noexcept {
    const std::uint32_t shape = flags & ~layout::cell_flags::stamped;
    if (shape == 0) return bytes <= layout::inline_request_bytes;
    return shape == layout::cell_flags::paired && bytes <= layout::paired_request_bytes;
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
inline constexpr std::size_t second_offset = 8;                // of the second cell
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
