// The first page of a segment. Written once by its creator before the file has a name, read and
// checked by every opener, never written again.
//
// Whatever the version, `magic`, `layout_major`, `layout_minor` and `segment_bytes` stay where they
// are, so that any opener can say which two versions met.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "layout/limits.hpp"

namespace shmbus::layout {

inline constexpr std::uint64_t magic = 0x31735542'6D687300ULL;  // "\0shmBUs1"
inline constexpr std::uint32_t layout_major = 6;                // incompatible change
inline constexpr std::uint32_t layout_minor = 1;                // an older reader may go on

/// What a bus was created with; everything else about its shape follows from this.
struct Capacities {
  std::uint32_t participants;
  std::uint32_t names;
  std::uint32_t endpoints;
  std::uint32_t lanes;
  std::uint32_t cells_per_lane;
  std::uint32_t inbox_slots;
  std::uint32_t extents;
  std::uint32_t extent_bytes;
  std::uint32_t broadcasts;
  std::uint32_t spare;  // 0

  friend constexpr bool operator==(const Capacities&, const Capacities&) noexcept = default;
};

/// How much of the bus one user (uid) may hold at a time; 0: as much as there is.
struct Quotas {
  std::uint32_t participants;
  std::uint32_t endpoints;
  std::uint32_t names;
  std::uint32_t lanes;
  std::uint32_t extents;

  friend constexpr bool operator==(const Quotas&, const Quotas&) noexcept = default;
};

struct Header {
  std::uint64_t magic;                // 0x00 stored last
  std::uint32_t layout_major;         // 0x08
  std::uint32_t layout_minor;         // 0x0C
  std::uint64_t segment_bytes;        // 0x10
  Capacities capacities;              // 0x18
  std::uint64_t bus_id;               // 0x40 random; tells two buses of one name apart
  std::uint64_t created_unix_s;       // 0x48
  std::uint32_t creator_pid;          // 0x50
  std::uint32_t creator_uid;          // 0x54
  std::uint64_t ticks_per_s;          // 0x58 of the clock that deadlines use; 1e9: CLOCK_MONOTONIC
  std::uint64_t default_timeout_ns;   // 0x60
  Quotas quotas_per_uid;              // 0x68
  std::array<std::uint8_t, 4> spare;  // 0x7C
};

inline constexpr std::size_t header_bytes = 4096;

static_assert(sizeof(Capacities) == 40);
static_assert(offsetof(Header, segment_bytes) == 0x10 && offsetof(Header, capacities) == 0x18);
static_assert(offsetof(Header, bus_id) == 0x40 && offsetof(Header, ticks_per_s) == 0x58);
static_assert(sizeof(Quotas) == 20 && offsetof(Header, quotas_per_uid) == 0x68);
static_assert(sizeof(Header) == 0x80 && std::is_trivially_copyable_v<Header>);

}  // namespace shmbus::layout
