// Typed access to a mapped segment. Offsets come from a Geometry that this process computed and
// checked against the file's real size; indices are the caller's duty to check (in_range helpers),
// since they may have come from a peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "layout/broadcast.hpp"
#include "layout/endpoint.hpp"
#include "layout/geometry.hpp"
#include "layout/header.hpp"
#include "layout/lane.hpp"
#include "layout/names.hpp"
#include "layout/participant.hpp"
#include "layout/policy.hpp"
#include "layout/recorder.hpp"
#include "layout/stats.hpp"

namespace shmbus::segment {

class View {
 public:
  View() noexcept = default;
  View(std::byte* base, const layout::Geometry& geometry) noexcept
      : base_(base), geometry_(geometry) {}

  [[nodiscard]] const layout::Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] const layout::Capacities& capacities() const noexcept {
    return geometry_.capacities;
  }

  [[nodiscard]] layout::Participant& participant(std::uint32_t i) const noexcept {
    return at<layout::Participant>(geometry_.participants, i);
  }
  [[nodiscard]] layout::Word64& name_slot(std::uint64_t i) const noexcept {
    return at<layout::Word64>(geometry_.name_slots, i);
  }
  [[nodiscard]] layout::NameRecord& name(std::uint32_t i) const noexcept {
    return at<layout::NameRecord>(geometry_.name_records, i);
  }
  [[nodiscard]] layout::SchemaRecord& schema(std::uint32_t name) const noexcept {
    return at<layout::SchemaRecord>(geometry_.schemas, name);
  }
  [[nodiscard]] layout::PolicyRecord& policy(std::uint32_t name) const noexcept {
    return at<layout::PolicyRecord>(geometry_.policies, name);
  }
  [[nodiscard]] layout::Endpoint& endpoint(std::uint32_t i) const noexcept {
    return at<layout::Endpoint>(geometry_.endpoints, i);
  }
  [[nodiscard]] std::span<layout::Word64> inbox(std::uint32_t endpoint) const noexcept {
    const std::uint32_t slots = geometry_.capacities.inbox_slots;
    return {&at<layout::Word64>(geometry_.inboxes, std::uint64_t{endpoint} * slots), slots};
  }
  [[nodiscard]] layout::Word64& lane_word(std::uint32_t i) const noexcept {
    return at<layout::Word64>(geometry_.lane_words, i);
  }
  [[nodiscard]] layout::LaneHead& lane(std::uint32_t i) const noexcept {
    return *reinterpret_cast<layout::LaneHead*>(lane_begin(i));
  }
  [[nodiscard]] std::span<layout::Cell> cells(std::uint32_t lane) const noexcept {
    auto* first = lane_begin(lane) + layout::lane_cells_offset;
    return {reinterpret_cast<layout::Cell*>(first), geometry_.capacities.cells_per_lane};
  }
  /// Beside each cell: when its command was published, in clock ticks, if the cell says so.
  [[nodiscard]] std::span<layout::Word64> stamps(std::uint32_t lane) const noexcept {
    const auto cells = geometry_.capacities.cells_per_lane;
    auto* first = lane_begin(lane) + layout::lane_stamps_offset(cells);
    return {reinterpret_cast<layout::Word64*>(first), cells};
  }
  [[nodiscard]] layout::Word64& extent_word(std::uint32_t i) const noexcept {
    return at<layout::Word64>(geometry_.extent_words, i);
  }
  [[nodiscard]] layout::Topic& topic(std::uint32_t name) const noexcept {
    return at<layout::Topic>(geometry_.topics, name);
  }
  [[nodiscard]] layout::Word64& broadcast_word(std::uint32_t i) const noexcept {
    return at<layout::Word64>(geometry_.broadcast_words, i);
  }
  [[nodiscard]] layout::Broadcast& broadcast(std::uint32_t i) const noexcept {
    return at<layout::Broadcast>(geometry_.broadcasts, i);
  }
  [[nodiscard]] layout::NameStats& name_stats(std::uint32_t i) const noexcept {
    return at<layout::NameStats>(geometry_.name_stats, i);
  }
  [[nodiscard]] layout::LaneLatency& lane_latency(std::uint32_t i) const noexcept {
    return at<layout::LaneLatency>(geometry_.lane_latency, i);
  }
  [[nodiscard]] layout::BusEvents& bus_events() const noexcept {
    return at<layout::BusEvents>(geometry_.bus_events, 0);
  }
  [[nodiscard]] layout::PublishedBus& published_bus() const noexcept {
    return at<layout::PublishedBus>(geometry_.published_bus, 0);
  }
  [[nodiscard]] layout::PublishedName& published_name(std::uint32_t i) const noexcept {
    return at<layout::PublishedName>(geometry_.published_names, i);
  }
  [[nodiscard]] layout::RecorderRing& recorder(std::uint32_t participant) const noexcept {
    return at<layout::RecorderRing>(geometry_.recorder, participant);
  }
  [[nodiscard]] layout::Tap& tap() const noexcept { return at<layout::Tap>(geometry_.tap, 0); }
  /// All payload memory.
  [[nodiscard]] std::byte* extents() const noexcept { return base_ + geometry_.extents.offset; }

 private:
  /// Of a region of Ts, whose stride is the size of one: a shift, where a stride that is
  /// loaded would have to be multiplied by.
  template <class T>
  T& at(const layout::Region& region, std::uint64_t i) const noexcept {
    return *reinterpret_cast<T*>(base_ + region.offset + i * sizeof(T));
  }
  [[nodiscard]] std::byte* lane_begin(std::uint32_t i) const noexcept {
    return base_ + geometry_.lanes.offset + i * geometry_.lanes.stride;
  }

  std::byte* base_ = nullptr;
  layout::Geometry geometry_;
};

}  // namespace shmbus::segment
