// Where everything is, computed from the capacities alone. Creator and opener compute the same
// offsets, so none is stored and none can be forged.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "layout/header.hpp"

namespace shmbus::layout {

struct Region {
  std::uint64_t offset = 0;
  std::uint64_t stride = 0;
  std::uint64_t count = 0;

  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return stride * count; }
  [[nodiscard]] constexpr std::uint64_t end() const noexcept { return offset + bytes(); }
};

struct Geometry {
  Capacities capacities{};
  Region participants;
  Region name_slots;
  Region name_records;
  Region endpoints;
  Region inboxes;     ///< one ring of inbox_slots words for each endpoint
  Region lane_words;  ///< the directory
  Region lanes;
  Region extent_words;     ///< the lease table
  Region topics;           ///< one for each name
  Region broadcast_words;  ///< the directory of broadcast lanes
  Region broadcasts;
  Region schemas;   ///< one for each name
  Region policies;  ///< one for each name
  Region name_stats;
  Region lane_latency;
  Region bus_events;
  Region published_bus;
  Region published_names;
  Region recorder;  ///< one ring of events for each participant
  Region tap;
  Region extents;
  std::uint64_t segment_bytes = 0;
};

/// The name of the first capacity that is out of range or no power of two where it must be one;
/// empty when all are fine.
std::string_view first_bad_capacity(const Capacities& capacities) noexcept;

/// REQUIRES: first_bad_capacity(capacities) is empty. Nothing when the result would exceed
/// segment_bytes_max.
std::optional<Geometry> compute_geometry(const Capacities& capacities) noexcept;

}  // namespace shmbus::layout
