#include "daemon/sources.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>

#include "os/descriptor.hpp"

namespace shmbus::daemon {
namespace {

// Tags of epoll entries. A pidfd's is {1, epoch 31, index 32}; see pidfd_tag.
enum Tag : std::uint64_t { tag_timer, tag_signals, tag_arrivals };
constexpr std::uint64_t pidfd_bit = 1ULL << 63U;
constexpr std::uint32_t epoch_mask = 0x7FFFFFFF;
constexpr std::size_t batch = 64;

std::uint64_t pidfd_tag(SlotId slot) noexcept {
  return pidfd_bit | (std::uint64_t{slot.epoch & epoch_mask} << 32U) | slot.index;
}

SlotId slot_of(std::uint64_t tag) noexcept {
  return {static_cast<std::uint32_t>(tag), static_cast<std::uint32_t>(tag >> 32U) & epoch_mask};
}

sigset_t stop_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

tl::unexpected<Error> cannot(std::string_view what) noexcept {
  return fail(ErrorKind::bus_unusable, what, errno);
}

}  // namespace

void block_stop_signals() noexcept {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<std::unique_ptr<Sources>> Sources::make(std::uint32_t slots, layout::Word32& arrivals) {
  std::unique_ptr<Sources> sources(new Sources(slots));
  if (auto opened = sources->open(arrivals); !opened) {
    return tl::unexpected<Error>(opened.error());
  }
  return sources;
}

Result<void> Sources::open(layout::Word32& arrivals) {
  const sigset_t signals = stop_signals();
  epoll_ = Descriptor{descriptor::epoll()};
  if (!epoll_.valid()) return cannot("cannot make an epoll set");
  timer_ = Descriptor{descriptor::timer(CLOCK_MONOTONIC, TFD_NONBLOCK)};
  if (!timer_.valid()) return cannot("cannot make a timerfd");
  signals_ = Descriptor{descriptor::signals(signals, SFD_NONBLOCK)};
  if (!signals_.valid()) return cannot("cannot make a signalfd");
  auto watching = Arrivals::watch(arrivals);
  if (!watching) return tl::unexpected<Error>(watching.error());
  arrivals_ = std::move(*watching);
  if (!add(timer_.get(), tag_timer) || !add(signals_.get(), tag_signals) ||
      !add(arrivals_->fd(), tag_arrivals)) {
    return cannot("cannot add to an epoll set");
  }
  return {};
}

bool Sources::add(int fd, std::uint64_t tag) noexcept {
  epoll_event entry{};
  entry.events = EPOLLIN;
  entry.data.u64 = tag;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &entry) == 0;
}

event::WatchResult Sources::watch(SlotId slot, std::uint32_t pid) noexcept {
  if (slot.index >= watched_.size() || pid == 0 ||
      pid > static_cast<std::uint32_t>(std::numeric_limits<pid_t>::max())) {
    return event::WatchResult::refused;
  }
  Descriptor pidfd{descriptor::process(static_cast<pid_t>(pid))};
  if (!pidfd.valid()) {
    return errno == ESRCH ? event::WatchResult::no_such_process : event::WatchResult::refused;
  }
  if (!add(pidfd.get(), pidfd_tag(slot))) return event::WatchResult::refused;
  watched_[slot.index].pidfd = std::move(pidfd);
  watched_[slot.index].epoch = slot.epoch;
  return event::WatchResult::watching;
}

void Sources::unwatch(SlotId slot) noexcept {
  if (slot.index >= watched_.size() || watched_[slot.index].epoch != slot.epoch) return;
  const Descriptor closing = std::move(watched_[slot.index].pidfd);  // leaves the epoll set with it
}

void Sources::arm(Nanos until) noexcept {
  if (until == armed_for_) return;
  armed_for_ = until;
  itimerspec when{};  // zero: disarmed
  if (until != never) {
    const Nanos at = std::max<Nanos>(until, 1);
    when.it_value.tv_sec = static_cast<time_t>(at / second);
    when.it_value.tv_nsec = static_cast<long>(at % second);
  }
  (void)::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void Sources::wait(Nanos until, std::vector<Event>& out) {
  arm(until);
  std::array<epoll_event, batch> ready{};
  const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), -1);
  for (int i = 0; i < count; ++i) take(ready[static_cast<std::size_t>(i)].data.u64, out);
}

void Sources::take(std::uint64_t tag, std::vector<Event>& out) {
  if ((tag & pidfd_bit) != 0) {
    out.emplace_back(event::Exit{slot_of(tag)});
    return;
  }
  switch (tag) {
    case tag_timer: {
      std::uint64_t expired = 0;
      (void)!::read(timer_.get(), &expired, sizeof expired);
      armed_for_ = 0;  // spent
      return;
    }
    case tag_signals: {
      signalfd_siginfo info{};
      if (::read(signals_.get(), &info, sizeof info) == sizeof info) {
        out.emplace_back(event::StopSignal{});
      }
      return;
    }
    default:
      arrivals_->drain(out);
  }
}

}  // namespace shmbus::daemon
