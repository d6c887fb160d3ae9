#include "gateway/event_loop.hpp"

#include <cerrno>
#include <ctime>

#include "os/descriptor.hpp"

namespace shmbus::gateway {

Time now() noexcept {
  timespec at{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<Time>(at.tv_sec) * second + static_cast<Time>(at.tv_nsec);
}

Result<EventLoop> EventLoop::make() noexcept {
  program::Descriptor epoll{descriptor::epoll()};
  if (!epoll.valid()) return fail(ErrorKind::limit_reached, "cannot make an epoll", errno);
  return EventLoop(std::move(epoll));
}

bool EventLoop::watch(int fd, std::uint32_t events, Watcher& watcher) noexcept {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.ptr = &watcher;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) == 0;
}

void EventLoop::change(int fd, std::uint32_t events, Watcher& watcher) noexcept {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.ptr = &watcher;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &wanted);
}

void EventLoop::forget(int fd, const Watcher& watcher) noexcept {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (std::size_t i = 0; i < count_; ++i) {
    if (found_[i].data.ptr == &watcher) found_[i].data.ptr = nullptr;
  }
}

void EventLoop::run_once(int limit_ms) {
  const int count = ::epoll_wait(epoll_.get(), found_.data(), round_max,
                                 std::exchange(hurry_, false) ? 0 : limit_ms);
  count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  for (std::size_t i = 0; i < count_; ++i) {
    auto* watcher = static_cast<Watcher*>(found_[i].data.ptr);
    if (watcher != nullptr) watcher->ready(found_[i].events);
  }
  count_ = 0;
}

}  // namespace shmbus::gateway
