// How far an exchange of handlers has come. Moved on by the thread that serves, at its end perhaps
// by the one that answers the old handler's last command; waited for by any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "shmbus/handler_swap.hpp"

namespace shmbus::detail {

class SwapState {
 public:
  [[nodiscard]] SwapStage stage() const noexcept {
    const std::scoped_lock lock(mutex_);
    return stage_;
  }
  void move_to(SwapStage stage) noexcept {
    {
      const std::scoped_lock lock(mutex_);
      stage_ = stage;
    }
    moved_.notify_all();
  }
  bool wait(SwapStage stage, Duration timeout) const noexcept {
    std::unique_lock lock(mutex_);
    const auto over = [&] { return stage_ >= stage; };  // dropped comes last
    if (timeout == forever) {
      moved_.wait(lock, over);
    } else {
      const auto longest = std::chrono::hours(24 * 365);
      const auto until = std::chrono::steady_clock::now() + std::min<Duration>(timeout, longest);
      moved_.wait_until(lock, until, over);
    }
    return stage_ != SwapStage::dropped ? stage_ >= stage : stage == SwapStage::dropped;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable moved_;
  SwapStage stage_ = SwapStage::posted;
};

}  // namespace shmbus::detail
