// Every limit of the format and every default of a bus, in one place, units last.
//
// The *_max values follow from the width of a field in a shared word (see words.hpp); the
// defaults are what Bus::open uses when OpenOptions leaves a value at 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shmbus::layout {

/// The unit of ownership: no two writers ever share one line. A constant of the format, not
/// std::hardware_destructive_interference_size, which two compilers may answer differently.
inline constexpr std::size_t line_bytes = 64;

inline constexpr std::uint32_t participants_max = 4095;  // 12-bit index
inline constexpr std::uint32_t names_max = 8192;         // 14-bit command field of a cell word
inline constexpr std::uint32_t endpoints_max = 1000;     // 10-bit index in a lane's directory word
inline constexpr std::uint32_t lanes_max = 65535;        // 16-bit index in a ticket
inline constexpr std::uint32_t workers_max = 1000;       // 10 bits in WorkersWord
inline constexpr std::uint32_t cells_per_lane_min = 4;
inline constexpr std::uint32_t cells_per_lane_max = 256;  // one cancel bit each
inline constexpr std::uint32_t inbox_slots_max = 65536;
inline constexpr std::uint32_t broadcasts_max = 4095;  // 12-bit index in an extent's lease
inline constexpr std::uint32_t event_slots_max = 8192;
inline constexpr std::uint32_t subscribers_max = 16;  // of one topic
inline constexpr std::uint32_t extents_max = 65535;
inline constexpr std::uint32_t extent_bytes_min = 4096;
inline constexpr std::uint32_t extent_bytes_max = 1U << 30;
inline constexpr std::uint64_t segment_bytes_max = 1ULL << 38;  // 32-bit offsets in 64 B units

inline constexpr std::size_t name_bytes_max = 128;  // shmbus::name_bytes_max
inline constexpr std::size_t schema_bytes_max = 1984;
inline constexpr std::size_t label_bytes_max = 32;
inline constexpr std::size_t inline_request_bytes = 40;  // in its cell, no payload block named
inline constexpr std::size_t paired_request_bytes = 96;  // in its cell and a second one
inline constexpr std::size_t inline_request_beside_block_bytes = 28;
inline constexpr std::size_t inline_reply_bytes = 48;
inline constexpr std::size_t paired_reply_bytes = 104;  // in its cell and a second one

inline constexpr std::uint32_t participants_default = 128;
inline constexpr std::uint32_t names_default = 256;
inline constexpr std::uint32_t endpoints_default = 64;
inline constexpr std::uint32_t lanes_default = 256;
inline constexpr std::uint32_t cells_per_lane_default = 64;
inline constexpr std::uint32_t inbox_slots_default = 512;
inline constexpr std::uint32_t broadcasts_default = 16;
inline constexpr std::uint32_t extents_default = 42;
inline constexpr std::uint32_t extent_bytes_default = 64 * 1024;

}  // namespace shmbus::layout
