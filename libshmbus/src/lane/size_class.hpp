// Size classes of payload blocks: multiples of 64 B, four to the doubling, so that at most a fifth
// of a block is wasted.
#pragma once

#include <bit>
#include <cstdint>

namespace shmbus::payload {

inline constexpr std::uint32_t class_count = 104;  // up to 2^32 B

constexpr std::uint64_t class_bytes(std::uint32_t index) noexcept {
  constexpr std::uint64_t unit = 64;
  if (index < 4) return unit * (index + 1);
  const std::uint32_t shift = index / 4 - 1;
  return (unit * (4 + index % 4 + 1)) << shift;
}

/// The smallest class that holds `bytes`.
constexpr std::uint32_t class_for(std::uint64_t bytes) noexcept {
  const std::uint64_t units = bytes == 0 ? 1 : (bytes + 63) / 64;
  if (units <= 4) return static_cast<std::uint32_t>(units - 1);
  // units - 1 lies in [4, 8) << shift
  const auto shift = static_cast<std::uint32_t>(std::bit_width(units - 1)) - 3U;
  return 4 + 4 * shift + static_cast<std::uint32_t>(((units - 1) >> shift) - 4);
}

static_assert(class_bytes(0) == 64 && class_bytes(3) == 256 && class_bytes(4) == 320);
static_assert(class_bytes(7) == 512 && class_bytes(8) == 640 && class_bytes(11) == 1024);
static_assert(class_for(1) == 0 && class_for(64) == 0 && class_for(65) == 1);
static_assert(class_for(256) == 3 && class_for(257) == 4 && class_for(512) == 7);
static_assert(class_for(513) == 8 && class_for(1024) == 11 && class_for(1025) == 12);
static_assert(class_bytes(class_for(65536)) == 65536 && class_bytes(class_for(65537)) == 81920);

}  // namespace shmbus::payload
