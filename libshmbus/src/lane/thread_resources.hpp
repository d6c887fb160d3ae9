// What one thread holds of a bus: its lanes and its payload memory. Owned by the thread's Port, and
// by the bus once the thread has ended with commands still under way.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lane/caller_lane.hpp"
#include "lane/pool.hpp"
#include "shmbus/caller.hpp"
#include "stats/sampler.hpp"
#include "trace/open_calls.hpp"

namespace shmbus::detail {

/// A lane and what the thread wants to know of it.
struct LeasedLane {
  LeasedLane(const Attachment& bus, lane::Attached attached, std::uint32_t endpoint) noexcept
      : lane(bus, attached, endpoint), sampler(bus.time_all) {}
  lane::CallerLane lane;
  std::uint64_t lost = 0;
  OnLost on_lost = nullptr;
  void* on_lost_user = nullptr;
  stats::Sampler sampler;          ///< which calls are timed
  std::uint64_t recorded_seq = 0;  ///< of the call that was recorded last because it was slow
  std::uint64_t slow_wait_ns = 0;  ///< of a call that was slow, for the choice between lanes
  bool retired = false;            ///< detached: look for another
  trace::OpenCalls open_calls;     ///< those that are traced
};

/// What a thread holds of the bus. It may outlive the thread: handlers may still read memory that
/// was sent to them.
class ThreadResources {
 public:
  explicit ThreadResources(const Attachment& bus) noexcept : bus_(&bus), pool(bus) {}
  ThreadResources(const ThreadResources&) = delete;
  ThreadResources& operator=(const ThreadResources&) = delete;
  ~ThreadResources();

  void collect(LeasedLane& lane) noexcept;
  void collect_all() noexcept;
  /// `command` has left the endpoint of this lane: see CallerLane::withdraw().
  void withdraw(LeasedLane& lane, std::uint32_t command) noexcept;
  /// Cells and memory of withdrawn commands that wait where nobody comes.
  void take_back_withdrawn() noexcept;
  /// Nothing is with a handler any more.
  [[nodiscard]] bool settled() const noexcept { return pool.outstanding() == 0; }

 private:
  const Attachment* bus_;

 public:
  payload::Pool pool;
  std::vector<std::shared_ptr<LeasedLane>> lanes;
};

}  // namespace shmbus::detail
