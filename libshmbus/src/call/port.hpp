// One thread's standing on one bus: its lanes and its payload memory. Every caller that the thread
// makes shares them, so a thread has one lane to an endpoint however many names it calls there, and
// threads share nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "call/outer.hpp"
#include "lane/caller_lane.hpp"
#include "payload/pool.hpp"
#include "shmbus/caller.hpp"
#include "shmbus/error.hpp"
#include "stats/sampler.hpp"
#include "trace/open_calls.hpp"

namespace shmbus::detail {

class BusCore;

/// A lane and what the thread wants to know of it.
struct PortLane {
  PortLane(const Attachment& bus, lane::Attached attached, std::uint32_t endpoint) noexcept
      : lane(bus, attached, endpoint), sampler(bus.time_all) {}
  lane::CallerLane lane;
  std::uint64_t lost = 0;
  OnLost on_lost = nullptr;
  void* on_lost_user = nullptr;
  stats::Sampler sampler;          ///< which calls are timed
  std::uint64_t recorded_seq = 0;  ///< of the call that was recorded last because it was slow
  std::uint64_t slow_wait_ns = 0;  ///< of a call that was slow, for whoever chooses between lanes
  bool retired = false;            ///< detached: look for another
  trace::OpenCalls open_calls;     ///< those that are traced
};

/// What a thread holds of the bus. It may outlive the thread: handlers may still read memory that
/// was sent to them.
class Holdings {
 public:
  explicit Holdings(const Attachment& bus) noexcept : bus_(&bus), pool(bus) {}
  Holdings(const Holdings&) = delete;
  Holdings& operator=(const Holdings&) = delete;
  ~Holdings();

  void collect(PortLane& lane) noexcept;
  void collect_all() noexcept;
  /// `command` has left the endpoint of this lane: see CallerLane::withdraw().
  void withdraw(PortLane& lane, std::uint32_t command) noexcept;
  /// Cells and memory of withdrawn commands that wait where nobody comes.
  void take_back_withdrawn() noexcept;
  /// Nothing is with a handler any more.
  [[nodiscard]] bool settled() const noexcept { return pool.outstanding() == 0; }

 private:
  const Attachment* bus_;

 public:
  payload::Pool pool;
  std::vector<std::shared_ptr<PortLane>> lanes;
};

class Port {
 public:
  explicit Port(std::shared_ptr<BusCore> bus);
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port();

  /// This thread's port on that bus, made when there is none.
  static Result<std::shared_ptr<Port>> of_this_thread(const std::shared_ptr<BusCore>& bus);

  /// The lane to an endpoint, attached when there is none.
  Result<std::shared_ptr<PortLane>> lane_to(std::uint32_t endpoint) noexcept;

  /// Takes back finished cells and blocks of one lane, or of all of them.
  void collect(PortLane& lane) noexcept { holdings_->collect(lane); }
  void collect_all() noexcept { holdings_->collect_all(); }
  void withdraw(PortLane& lane, std::uint32_t command) noexcept {
    holdings_->withdraw(lane, command);
  }

  /// A block, if there is one at once.
  std::optional<Block> allocate_at_once(std::uint64_t bytes) noexcept {
    return holdings_->pool.allocate(bytes);
  }
  /// A block, after taking back what is finished.
  Result<Block> allocate(std::uint64_t bytes) noexcept;
  void release(const Block& block) noexcept {
    if (block.data != nullptr) holdings_->pool.release(block.offset64);
  }
  void release_offset(std::uint32_t offset64) noexcept { holdings_->pool.release(offset64); }

  [[nodiscard]] bool of_calling_thread() const noexcept { return thread_ == &this_thread; }
  /// The same, and nothing stands between its callers and their fast paths.
  [[nodiscard]] bool plain_calling_thread() const noexcept { return thread_ == this_thread.plain; }
  /// The command whose handler the calling thread runs; through the port, since to ask for the
  /// thread's own memory twice costs more. REQUIRES: of_calling_thread().
  [[nodiscard]] const Invocation* running() const noexcept { return thread_->running; }
  [[nodiscard]] BusCore& bus() const noexcept { return *bus_; }

 private:
  /// Lets go of lanes to endpoints that nobody owns any more.
  void retire_idle_lanes() noexcept;

  std::shared_ptr<BusCore> bus_;
  const ThreadState* thread_;
  std::unique_ptr<Holdings> holdings_;
};

}  // namespace shmbus::detail
