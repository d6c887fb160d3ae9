// Makes a futex word visible to epoll: a thread sleeps on the word and makes an eventfd of this
// process readable when it changes. Only for those who ask for an fd; one thread each.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "layout/lane.hpp"
#include "os/handle_guard.hpp"
#include "shmbus/error.hpp"

namespace shmbus::wait {

class FdBridge {
 public:
  /// `fd` is an eventfd that the bridge then owns; -1 to make one.
  static Result<std::unique_ptr<FdBridge>> watch(layout::Word32& word,
                                                 const liveness::HandleGuard& guard, int fd = -1);
  FdBridge(const FdBridge&) = delete;
  FdBridge& operator=(const FdBridge&) = delete;
  ~FdBridge();

  [[nodiscard]] int fd() const noexcept { return fd_; }
  void clear() noexcept;   ///< not readable any more
  void signal() noexcept;  ///< readable now
  /// Watches another word from now on.
  void move_to(layout::Word32& word) noexcept;

 private:
  FdBridge(int fd, layout::Word32& word, const liveness::HandleGuard& guard) noexcept
      : fd_(fd), word_(&word), guard_(&guard) {}
  void run() noexcept;

  int fd_;
  std::atomic<layout::Word32*> word_;
  const liveness::HandleGuard* guard_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace shmbus::wait
