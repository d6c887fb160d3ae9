// One thread's standing on one bus: its lanes and its payload memory. Every caller that the thread
// makes shares them, so a thread has one lane to an endpoint however many names it calls there, and
// threads share nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lane/thread_resources.hpp"
#include "shmbus/caller.hpp"
#include "shmbus/error.hpp"
#include "trace/current_command.hpp"
#include "words/quota.hpp"

namespace shmbus::detail {

class BusCore;

class Port {
 public:
  explicit Port(std::shared_ptr<BusCore> bus);
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port();

  /// This thread's port on that bus, made when there is none.
  static Result<std::shared_ptr<Port>> of_this_thread(const std::shared_ptr<BusCore>& bus);

  /// The lane to an endpoint, attached when there is none.
  Result<std::shared_ptr<LeasedLane>> lane_to(std::uint32_t endpoint) noexcept;

  /// Takes back finished cells and blocks of one lane, or of all of them.
  void collect(LeasedLane& lane) noexcept { resources_->collect(lane); }
  void collect_all() noexcept { resources_->collect_all(); }
  void withdraw(LeasedLane& lane, std::uint32_t command) noexcept {
    resources_->withdraw(lane, command);
  }

  /// A block, if there is one at once.
  std::optional<Block> allocate_at_once(std::uint64_t bytes) noexcept {
    return resources_->pool.allocate(bytes);
  }
  /// A block, after taking back what is finished.
  Result<Block> allocate(std::uint64_t bytes) noexcept;
  void release(const Block& block) noexcept {
    if (block.data != nullptr) resources_->pool.release(block.offset64);
  }
  void release_offset(std::uint32_t offset64) noexcept { resources_->pool.release(offset64); }

  /// Answered calls of this thread whose answers nobody has read. Looks at every cell.
  [[nodiscard]] std::uint32_t unread() const noexcept {
    std::uint32_t count = 0;
    for (const auto& lane : resources_->lanes) count += lane->lane.unread();
    return count;
  }

  [[nodiscard]] bool of_calling_thread() const noexcept { return thread_ == &this_thread; }
  /// The same, and nothing stands between its callers and their fast paths.
  [[nodiscard]] bool plain_calling_thread() const noexcept { return thread_ == this_thread.plain; }
  /// What it holds may be given back by any one thread at a time. To the thread that sees true,
  /// everything that the port's own thread did has happened before.
  [[nodiscard]] bool thread_has_ended() const noexcept {
    return ended_.load(std::memory_order_acquire);  // SYNC port.ended
  }
  void thread_ends() noexcept {
    ended_.store(true, std::memory_order_release);  // SYNC port.ended
  }
  /// The command whose handler the calling thread runs; through the port, since to ask for the
  /// thread's own memory twice costs more. REQUIRES: of_calling_thread().
  [[nodiscard]] const Invocation* running() const noexcept { return thread_->running; }
  [[nodiscard]] BusCore& bus() const noexcept { return *bus_; }

 private:
  [[nodiscard]] std::uint32_t whose(quota::Of what, std::uint32_t more) const noexcept;
  /// Lets go of lanes to endpoints that nobody owns any more. Collects all others.
  void retire_idle_lanes() noexcept;
  /// Gives one lane without a command under way to its endpoint's owner, which frees it.
  bool let_go_of_an_idle_lane() noexcept;

  std::shared_ptr<BusCore> bus_;
  const ThreadState* thread_;
  std::unique_ptr<ThreadResources> resources_;
  std::atomic<bool> ended_{false};
};

}  // namespace shmbus::detail
