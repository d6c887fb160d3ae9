// Turns cancelled commands into std::stop_tokens. A token needs somebody who watches: one thread of
// each server that was ever asked for a token, asleep on the event counts of the lanes whose
// commands it watches. Servers that nobody asks have no such thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "layout/lane.hpp"
#include "os/futex.hpp"
#include "os/handle_guard.hpp"
#include "serve/cancellation.hpp"
#include "shmbus/error.hpp"

namespace shmbus::serve {

class StopWatcher;

/// The token of one command, watched until this goes.
class StopWatch {
 public:
  StopWatch(std::shared_ptr<StopWatcher> watcher, std::uint64_t id, std::stop_token token) noexcept
      : watcher_(std::move(watcher)), id_(id), token_(std::move(token)) {}
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;
  ~StopWatch();
  [[nodiscard]] const std::stop_token& token() const noexcept { return token_; }

 private:
  std::shared_ptr<StopWatcher> watcher_;
  std::uint64_t id_;
  std::stop_token token_;
};

class StopWatcher : public std::enable_shared_from_this<StopWatcher> {
 public:
  explicit StopWatcher(const liveness::HandleGuard& guard) noexcept : guard_(&guard) {}
  StopWatcher(const StopWatcher&) = delete;
  StopWatcher& operator=(const StopWatcher&) = delete;
  ~StopWatcher();

  /// Starts the thread the first time. May throw. Any thread.
  std::unique_ptr<StopWatch> watch(const Started& command);
  void forget(std::uint64_t id) noexcept;
  /// Stops everything that is still watched, and ends the thread: the segment may go.
  void shut_down() noexcept;

 private:
  struct Watched {
    std::uint64_t id = 0;
    Started command;
    CallerProbe probe;
    std::stop_source source;
  };
  struct Sleep {
    std::array<wait::FutexWaiter, wait::futex_waiters_max> words;
    std::size_t count = 0;
    std::uint64_t limit_ns = 0;
  };

  void run() noexcept;
  Sleep prepare_sleep() noexcept;
  /// One that is to be stopped, taken off the list.
  std::stop_source take_cancelled(bool all) noexcept;
  bool stop_cancelled(bool all) noexcept;

  const liveness::HandleGuard* guard_;
  layout::Word32 loop_flags_{0};  ///< bumped when the list changes
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<Watched> watched_;
  std::uint64_t last_id_ = 0;
  std::thread thread_;
};

}  // namespace shmbus::serve
