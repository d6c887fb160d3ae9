// The gateway's one thread: descriptors that became ready, signals, and a tick for time limits.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/descriptor.hpp"
#include "shmbus/error.hpp"

namespace shmbus::gateway {

/// Nanoseconds of the monotonic clock.
using Time = std::uint64_t;
inline constexpr Time millisecond = 1'000'000;
inline constexpr Time second = 1'000'000'000;
inline constexpr Time never = ~Time{0};
Time now() noexcept;

/// Owns a descriptor that the loop watches.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// `events` as of epoll.
  virtual void ready(std::uint32_t events) = 0;

 protected:
  Watcher() = default;
  Watcher(const Watcher&) = default;
  Watcher& operator=(const Watcher&) = default;
};

class EventLoop {
 public:
  static Result<EventLoop> make() noexcept;

  /// False: the kernel has no memory for it. `watcher` must live until forget().
  bool watch(int fd, std::uint32_t events, Watcher& watcher) noexcept;
  void change(int fd, std::uint32_t events, Watcher& watcher) noexcept;
  /// `watcher` is not called any more, not even for events that this round has found.
  void forget(int fd, const Watcher& watcher) noexcept;
  /// The next round does not wait: some of this one's work was left for it.
  void hurry() noexcept { hurry_ = true; }
  /// One round: waits for up to `limit_ms`, then tells the watchers.
  void run_once(int limit_ms);

 private:
  static constexpr std::size_t round_max = 128;
  explicit EventLoop(program::Descriptor epoll) noexcept : epoll_(std::move(epoll)) {}

  program::Descriptor epoll_;
  std::array<epoll_event, round_max> found_{};
  std::size_t count_ = 0;
  bool hurry_ = false;
};

}  // namespace shmbus::gateway
