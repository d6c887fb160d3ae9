#include "bridge/loop.hpp"

#include <cerrno>
#include <ctime>

#include "os/descriptor.hpp"

namespace shmbus::bridge {

Time now() noexcept {
  timespec at{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<Time>(at.tv_sec) * second + static_cast<Time>(at.tv_nsec);
}

Result<Loop> Loop::make() noexcept {
  program::Descriptor epoll{descriptor::epoll()};
  if (!epoll.valid()) return fail(ErrorKind::limit_reached, "cannot make an epoll", errno);
  return Loop(std::move(epoll));
}

bool Loop::watch(int fd, Watcher& watcher) noexcept {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.ptr = &watcher;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) == 0;
}

void Loop::forget(int fd, const Watcher& watcher) noexcept {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (std::size_t i = 0; i < count_; ++i) {
    if (found_[i].data.ptr == &watcher) found_[i].data.ptr = nullptr;
  }
}

void Loop::run_once(int limit_ms) {
  const int count = ::epoll_wait(epoll_.get(), found_.data(), round_max, limit_ms);
  count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  for (std::size_t i = 0; i < count_; ++i) {
    auto* watcher = static_cast<Watcher*>(found_[i].data.ptr);
    if (watcher != nullptr) watcher->ready(found_[i].events);
  }
  count_ = 0;
}

}  // namespace shmbus::bridge
