// The bridge's loop: descriptors that became ready.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <utility>

#include "common/descriptor.hpp"
#include "shmbus/error.hpp"

namespace shmbus::bridge {

/// Nanoseconds of the monotonic clock.
using Time = std::uint64_t;
inline constexpr Time millisecond = 1'000'000;
inline constexpr Time second = 1'000'000'000;
Time now() noexcept;

class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void ready(std::uint32_t events) = 0;

 protected:
  Watcher() = default;
  Watcher(const Watcher&) = default;
  Watcher& operator=(const Watcher&) = default;
};

class Loop {
 public:
  static Result<Loop> make() noexcept;
  bool watch(int fd, Watcher& watcher) noexcept;
  /// `watcher` is not called any more, not even for events that this round has found.
  void forget(int fd, const Watcher& watcher) noexcept;
  void run_once(int limit_ms);
  [[nodiscard]] int epoll() const noexcept { return epoll_.get(); }

 private:
  static constexpr std::size_t round_max = 64;
  explicit Loop(program::Descriptor epoll) noexcept : epoll_(std::move(epoll)) {}
  program::Descriptor epoll_;
  std::array<epoll_event, round_max> found_{};
  std::size_t count_ = 0;
};

}  // namespace shmbus::bridge
