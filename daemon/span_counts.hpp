// What became of the spans that this daemon exports, since it started: written by the thread that
// exports, read by the one that serves the metrics.
#pragma once

#include <atomic>
#include <cstdint>

namespace shmbus::daemon {

struct SpanCounts {
  std::atomic<std::uint64_t> exported{0};
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> queued{0};
  std::atomic<std::uint64_t> overwritten{0};  ///< events, spans or not, that nobody read here
};

}  // namespace shmbus::daemon
