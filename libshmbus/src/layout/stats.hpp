// Counters and histograms that live in the segment. Each block has one writer; readers take
// relaxed loads and accept that two fields may be a moment apart.
//
// Buckets are log-linear: 8 to the octave, so a value lies within 1/16 (6.25 %) of its bucket's
// middle. Values are nanoseconds; 320 buckets reach past an hour.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "layout/lane.hpp"
#include "layout/limits.hpp"

namespace shmbus::layout {

inline constexpr std::uint32_t histogram_buckets = 320;

struct Histogram {
  std::array<Word64, histogram_buckets> bucket;
};

/// Written by the thread that serves the name.
struct alignas(line_bytes) NameStats {
  Word64 commands;
  Word64 errors;   ///< the handler said no
  Word64 expired;  ///< deadline or cancellation came first
  Word64 bytes_in;
  Word64 bytes_out;
  Word64 sampled;  ///< entries in the histogram of service times
  std::array<std::uint8_t, 16> pad;
  Histogram service_ns;
  Histogram queue_ns;  ///< from the publish to the start, of those that their callers timed
};

/// Written by the caller thread that leases the lane; cumulative over all leases.
struct alignas(line_bytes) LaneLatency {
  Histogram round_trip_ns;
};

/// Written by shmbusd: one line for each name, and one for the whole bus.
struct alignas(line_bytes) PublishedName {
  Word64 commands_per_s;
  Word64 errors_per_s;
  Word64 p50_ns;
  Word64 p99_ns;
  Word64 depth;
  std::array<std::uint8_t, 24> pad;
};

struct alignas(line_bytes) PublishedBus {
  Word64 published_at;  ///< clock ticks of the last pass
  Word64 commands_per_s;
  Word64 p50_ns;  ///< round trip
  Word64 p99_ns;
  Word64 deaths;  ///< participants reclaimed by this daemon
  Word64 passes;
  Word64 daemon_pid;
  std::array<std::uint8_t, 8> pad;
};

static_assert(sizeof(Histogram) == 2560);
static_assert(sizeof(NameStats) == 5184 && offsetof(NameStats, service_ns) == 64);
static_assert(sizeof(LaneLatency) == 2560);
static_assert(sizeof(PublishedName) == 64 && sizeof(PublishedBus) == 64);

}  // namespace shmbus::layout
