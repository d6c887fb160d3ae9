#pragma once
// What the bus carries when it is measured: blocks of words, written and read in full by
// harness/payload.hpp.

#include <cstddef>
#include <cstdint>

#include "shmbus/command.hpp"

namespace shmbus::bench {

/// Not zeroed when made: the process that fills it writes every word.
template <std::size_t Bytes>
struct Block {
  static_assert(Bytes % 8 == 0);
  Block() noexcept {}  // NOLINT: "= default" would be zeroed by Block{}

  [[nodiscard]] std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(words); }
  [[nodiscard]] const std::byte* bytes() const noexcept {
    return reinterpret_cast<const std::byte*>(words);
  }
  std::uint64_t words[Bytes / 8];  // NOLINT: see above
};

template <std::size_t Bytes>
using Echo = Command<"bench.echo", Block<Bytes>, Block<Bytes>>;

template <std::size_t Bytes>
using Note = Command<"bench.note", Block<Bytes>>;

}  // namespace shmbus::bench
