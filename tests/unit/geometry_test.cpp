// Where everything is: regions lie one after the other, aligned, inside the segment; the default
// bus keeps its promise of size; capacities that cannot be are refused by name.
#include "layout/geometry.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "layout/broadcast.hpp"
#include "layout/endpoint.hpp"
#include "layout/lane.hpp"
#include "layout/limits.hpp"
#include "segment/create.hpp"
#include "segment/view.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace shmbus::layout;

namespace {

Capacities defaults() { return shmbus::segment::effective_capacities({}); }

std::vector<Region> regions_of(const Geometry& g) {
  return {g.participants, g.name_slots, g.name_records,  g.endpoints,       g.inboxes,
          g.lane_words,   g.lanes,      g.extent_words,  g.schemas,         g.name_stats,
          g.lane_latency, g.bus_events, g.published_bus, g.published_names, g.policies,
          g.recorder,     g.tap,        g.extents,       g.topics,          g.broadcast_words,
          g.broadcasts};
}

/// The view of a segment takes a region's stride to be the size of what lies in it.
void check_strides(const Geometry& g) {
  REQUIRE(g.participants.stride == sizeof(Participant));
  REQUIRE(g.name_slots.stride == sizeof(Word64));
  REQUIRE(g.name_records.stride == sizeof(NameRecord));
  REQUIRE(g.endpoints.stride == sizeof(Endpoint));
  REQUIRE(g.inboxes.stride == sizeof(Word64) * g.capacities.inbox_slots);
  REQUIRE(g.lane_words.stride == sizeof(Word64));
  REQUIRE(g.extent_words.stride == sizeof(Word64));
  REQUIRE(g.topics.stride == sizeof(Topic));
  REQUIRE(g.broadcast_words.stride == sizeof(Word64));
  REQUIRE(g.broadcasts.stride == sizeof(Broadcast));
  REQUIRE(g.schemas.stride == sizeof(SchemaRecord));
  REQUIRE(g.policies.stride == sizeof(PolicyRecord));
  REQUIRE(g.name_stats.stride == sizeof(NameStats));
  REQUIRE(g.lane_latency.stride == sizeof(LaneLatency));
  REQUIRE(g.published_names.stride == sizeof(PublishedName));
  REQUIRE(g.recorder.stride == sizeof(RecorderRing));
}

void check_layout(const Geometry& g) {
  auto regions = regions_of(g);
  std::sort(regions.begin(), regions.end(),
            [](const Region& a, const Region& b) { return a.offset < b.offset; });
  std::uint64_t end = header_bytes;
  for (const Region& region : regions) {
    REQUIRE(region.offset >= end);
    REQUIRE(region.offset % line_bytes == 0);
    REQUIRE(region.count > 0);
    end = region.end();
  }
  REQUIRE(end <= g.segment_bytes);
  REQUIRE(g.segment_bytes % 4096 == 0);
  REQUIRE(g.segment_bytes - end < 4096);
  REQUIRE(g.lanes.offset % 4096 == 0);
  REQUIRE(g.extents.offset % 4096 == 0);
  REQUIRE(g.endpoints.stride % line_bytes == 0);
  REQUIRE(g.lanes.stride % line_bytes == 0);
  REQUIRE(g.lanes.stride == lane_bytes(g.capacities.cells_per_lane));
  check_strides(g);
}

}  // namespace

TEST_CASE("the default bus is laid out without overlap, in at most 8 MiB", "[geometry]") {
  const auto g = compute_geometry(defaults());
  REQUIRE(g);
  check_layout(*g);
  CHECK(g->segment_bytes <= 8ULL * 1024 * 1024);
}

TEST_CASE("any permitted capacities are laid out without overlap", "[geometry]") {
  // Random capacities over the whole permitted range, and the smallest of all.
  SHMBUS_RANDOM(random);
  const auto between = [&](std::uint32_t low, std::uint32_t high) {
    return low + static_cast<std::uint32_t>(random() % (high - low + 1ULL));
  };
  check_layout(*compute_geometry({2, 1, 1, 1, 4, 8, 1, 4096, 1, 0}));
  for (int i = 0; i < 2'000; ++i) {
    const Capacities c{between(2, participants_max), between(1, names_max),
                       between(1, endpoints_max),    between(1, lanes_max),
                       1U << between(2, 8),          1U << between(3, 16),
                       between(1, extents_max),      1U << between(12, 20),
                       between(1, broadcasts_max),   0};
    REQUIRE(first_bad_capacity(c).empty());
    const auto g = compute_geometry(c);
    if (!g) continue;  // above the largest segment; checked below
    REQUIRE(g->segment_bytes <= segment_bytes_max);
    check_layout(*g);
  }
}

TEST_CASE("a segment above the limit is refused", "[geometry]") {
  Capacities c = defaults();
  c.extents = extents_max;
  c.extent_bytes = extent_bytes_max;
  CHECK(first_bad_capacity(c).empty());
  CHECK_FALSE(compute_geometry(c));
}

TEST_CASE("a capacity that is out of range is named", "[geometry]") {
  const auto bad = [](const std::function<void(Capacities&)>& change) {
    Capacities c = defaults();
    change(c);
    return std::string(first_bad_capacity(c));
  };
  CHECK(first_bad_capacity(defaults()).empty());
  CHECK(bad([](auto& c) { c.participants = 1; }) == "participants");
  CHECK(bad([](auto& c) { c.participants = participants_max + 1; }) == "participants");
  CHECK(bad([](auto& c) { c.names = names_max + 1; }) == "names");
  CHECK(bad([](auto& c) { c.endpoints = 0; }) == "endpoints");
  CHECK(bad([](auto& c) { c.endpoints = endpoints_max + 1; }) == "endpoints");
  CHECK(bad([](auto& c) { c.lanes = lanes_max + 1; }) == "lanes");
  CHECK(bad([](auto& c) { c.cells_per_lane = 2; }) == "cells_per_lane");
  CHECK(bad([](auto& c) { c.cells_per_lane = 48; }) == "cells_per_lane");
  CHECK(bad([](auto& c) { c.cells_per_lane = 512; }) == "cells_per_lane");
  CHECK(bad([](auto& c) { c.inbox_slots = 100; }) == "inbox_slots");
  CHECK(bad([](auto& c) { c.inbox_slots = 4; }) == "inbox_slots");
  CHECK(bad([](auto& c) { c.extents = extents_max + 1; }) == "extents");
  CHECK(bad([](auto& c) { c.extent_bytes = 2048; }) == "extent_bytes");
  CHECK(bad([](auto& c) { c.extent_bytes = 5000; }) == "extent_bytes");
}

TEST_CASE("a user who asks for impossible capacities is told which", "[geometry]") {
  shmbus::Capacities wanted;
  wanted.cells_per_lane = 100;
  const auto refused = shmbus::segment::geometry_for(wanted);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == shmbus::ErrorKind::invalid_argument);
  CHECK(refused.error().message.view().find("cells_per_lane") != std::string_view::npos);
  wanted = {};
  wanted.extents = extents_max;
  wanted.extent_bytes = extent_bytes_max;
  CHECK_FALSE(shmbus::segment::geometry_for(wanted));
}
