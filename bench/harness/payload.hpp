#pragma once
// What travels. One side writes every word of a payload from a seed, the other reads every word and
// compares the sum with the one the seed implies, so a lost, torn or repeated payload is noticed.
// Sizes are compile-time constants and multiples of 8, so that small payloads are straight-line
// code.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace shmbus::bench::payload {

inline constexpr std::uint64_t kStep = 0x9E37'79B9'7F4A'7C15;
/// The seed of a message that says "no more follow". No sequence number reaches it.
inline constexpr std::uint64_t kEndSeed = ~std::uint64_t{0};
/// Payloads up to here are unrolled in place, larger ones go through the vectorised loops.
inline constexpr std::size_t kInlineBytes = 256;

void write_words(std::byte* to, std::size_t words, std::uint64_t seed) noexcept;
[[nodiscard]] std::uint64_t sum_words(const std::byte* from, std::size_t words) noexcept;

template <std::size_t Bytes>
void write(std::byte* to, std::uint64_t seed) noexcept {
  static_assert(Bytes % 8 == 0 && Bytes >= 8);
  if constexpr (Bytes <= kInlineBytes) {
    for (std::size_t i = 0; i < Bytes / 8; ++i) {
      const std::uint64_t word = seed + i * kStep;
      std::memcpy(to + 8 * i, &word, 8);
    }
  } else {
    write_words(to, Bytes / 8, seed);
  }
}

template <std::size_t Bytes>
[[nodiscard]] std::uint64_t sum(const std::byte* from) noexcept {
  if constexpr (Bytes <= kInlineBytes) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < Bytes / 8; ++i) {
      std::uint64_t word;
      std::memcpy(&word, from + 8 * i, 8);
      total += word;
    }
    return total;
  } else {
    return sum_words(from, Bytes / 8);
  }
}

/// The sum that write<Bytes>(_, seed) leaves behind.
template <std::size_t Bytes>
[[nodiscard]] constexpr std::uint64_t expected_sum(std::uint64_t seed) noexcept {
  constexpr std::uint64_t kWords = Bytes / 8;
  return kWords * seed + kStep * (kWords * (kWords - 1) / 2);
}

/// The reply's seed depends on all of the request, so a right reply proves that it was read in
/// full.
[[nodiscard]] constexpr std::uint64_t reply_seed(std::uint64_t request_sum) noexcept {
  return request_sum ^ 0x5BD1'E995'5BD1'E995;
}

[[nodiscard]] inline bool is_end(const std::byte* from) noexcept {
  std::uint64_t first;
  std::memcpy(&first, from, 8);
  return first == kEndSeed;
}

}  // namespace shmbus::bench::payload
