#include "layout/geometry.hpp"

#include <bit>

#include "layout/broadcast.hpp"
#include "layout/endpoint.hpp"
#include "layout/lane.hpp"
#include "layout/limits.hpp"
#include "layout/names.hpp"
#include "layout/participant.hpp"
#include "layout/policy.hpp"
#include "layout/recorder.hpp"
#include "layout/stats.hpp"

namespace shmbus::layout {
namespace {

constexpr std::uint64_t page_bytes = 4096;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

constexpr bool within(std::uint32_t value, std::uint32_t low, std::uint32_t high) noexcept {
  return value >= low && value <= high;
}

class Placer {
 public:
  Region place(std::uint64_t stride, std::uint64_t count, std::uint64_t align = line_bytes) {
    const Region region{round_up(end_, align), stride, count};
    end_ = region.end();
    return region;
  }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

 private:
  std::uint64_t end_ = header_bytes;
};

}  // namespace

std::string_view first_bad_capacity(const Capacities& c) noexcept {
  if (!within(c.participants, 2, participants_max)) return "participants";
  if (!within(c.names, 1, names_max)) return "names";
  if (!within(c.endpoints, 1, endpoints_max)) return "endpoints";
  if (!within(c.lanes, 1, lanes_max)) return "lanes";
  if (!within(c.cells_per_lane, cells_per_lane_min, cells_per_lane_max) ||
      !std::has_single_bit(c.cells_per_lane)) {
    return "cells_per_lane";
  }
  if (!within(c.inbox_slots, 8, inbox_slots_max) || !std::has_single_bit(c.inbox_slots)) {
    return "inbox_slots";
  }
  if (!within(c.extents, 1, extents_max)) return "extents";
  if (!within(c.extent_bytes, extent_bytes_min, extent_bytes_max) ||
      !std::has_single_bit(c.extent_bytes)) {
    return "extent_bytes";
  }
  if (!within(c.broadcasts, 1, broadcasts_max)) return "broadcasts";
  return {};
}

std::optional<Geometry> compute_geometry(const Capacities& c) noexcept {
  Geometry g;
  Placer placer;
  g.capacities = c;
  g.participants = placer.place(sizeof(Participant), c.participants);
  // At most half full, so that a probe ends soon.
  g.name_slots = placer.place(sizeof(Word64), std::bit_ceil(2ULL * c.names));
  g.name_records = placer.place(sizeof(NameRecord), c.names);
  g.endpoints = placer.place(sizeof(Endpoint), c.endpoints);
  g.inboxes = placer.place(sizeof(Word64) * c.inbox_slots, c.endpoints);
  g.lane_words = placer.place(sizeof(Word64), c.lanes);
  g.extent_words = placer.place(sizeof(Word64), c.extents);
  g.topics = placer.place(sizeof(Topic), c.names);
  g.broadcast_words = placer.place(sizeof(Word64), c.broadcasts);
  g.broadcasts = placer.place(sizeof(Broadcast), c.broadcasts);
  g.bus_events = placer.place(sizeof(BusEvents), 1);
  g.published_bus = placer.place(sizeof(PublishedBus), 1);
  g.published_names = placer.place(sizeof(PublishedName), c.names);
  g.schemas = placer.place(sizeof(SchemaRecord), c.names);
  g.policies = placer.place(sizeof(PolicyRecord), c.names);
  g.name_stats = placer.place(sizeof(NameStats), c.names);
  g.lane_latency = placer.place(sizeof(LaneLatency), c.lanes);
  g.recorder = placer.place(sizeof(RecorderRing), c.participants);
  g.tap = placer.place(sizeof(Tap), 1);
  g.lanes = placer.place(lane_bytes(c.cells_per_lane), c.lanes, page_bytes);
  g.extents = placer.place(c.extent_bytes, c.extents, page_bytes);
  g.segment_bytes = round_up(placer.end(), page_bytes);
  if (g.segment_bytes > segment_bytes_max) return std::nullopt;
  return g;
}

}  // namespace shmbus::layout
