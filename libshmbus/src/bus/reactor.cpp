// The reactor: a list of those that wait, one epoll descriptor for all their callers and a timer.
// Invariant: while somebody waits, the descriptor becomes readable within a tick of anything that
// could make them ready, for the timer ticks even where no caller tells.
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <new>
#include <vector>

#include "os/clock.hpp"
#include "os/descriptor.hpp"
#include "os/spin.hpp"
#include "session/core.hpp"
#include "shmbus/async.hpp"

namespace shmbus {

namespace detail {

/// A caller that can wake the reactor, once it has a descriptor.
struct Watched {
  RawCaller caller;
  bool listed = false;
};

struct WatchedSubscriber {
  RawSubscriber* subscriber;
  bool listed = false;
};

struct ReactorState {
  WaitNode list;
  WaitNode place;     ///< in the list while somebody is resumed: before who comes next
  WaitNode turn_end;  ///< likewise: those behind it have the next turn
  std::vector<Watched> callers;
  std::vector<WatchedSubscriber> subscribers;
  int epoll = -1;
  int timer = -1;
  std::int64_t tick_ns = 0;  ///< as the timer is set; 0: it is off

  ReactorState() = default;
  ReactorState(const ReactorState&) = delete;
  ReactorState& operator=(const ReactorState&) = delete;
  ~ReactorState() {
    while (list.linked())
      list.after->unlink();  // the process that outlives us waits for ever, linked nowhere
    if (timer >= 0) ::close(timer);
    if (epoll >= 0) ::close(epoll);
  }

  /// True when all that this reactor watches can wake it.
  bool list_watched() noexcept;
  void set_tick(std::int64_t ns) noexcept;
  /// Clears their readiness and finds dead handlers; the first error, after asking all.
  Result<void> poll_watched() noexcept;
  std::size_t resume_ready() noexcept;
};

namespace {

constexpr std::int64_t watched_tick_ns = 10'000'000;  // for deadlines and deaths alone
constexpr std::int64_t unwatched_tick_ns = 1'000'000;
constexpr std::uint64_t spin_ns = 20'000;
constexpr std::uint64_t spinning_poll_ns = 1'000'000;  // without a descriptor: looks for deaths

bool add_to(int epoll, int fd) noexcept {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST;
}

}  // namespace

/// A caller whose name was vacant had no descriptor yet: asked again each time.
bool ReactorState::list_watched() noexcept {
  bool all = !callers.empty() || !subscribers.empty();
  for (Watched& one : callers) {
    if (!one.listed) {
      const auto fd = one.caller.fd();
      one.listed = fd && add_to(epoll, *fd);
    }
    all = all && one.listed;
  }
  for (WatchedSubscriber& one : subscribers) {
    if (!one.listed) {
      const auto fd = one.subscriber->fd();
      one.listed = fd && add_to(epoll, *fd);
    }
    all = all && one.listed;
  }
  return all;
}

Result<void> ReactorState::poll_watched() noexcept {
  Result<void> first;
  for (Watched& one : callers) {
    auto polled = one.caller.poll();
    if (!polled && first) first = std::move(polled);
  }
  for (WatchedSubscriber& one : subscribers) {
    auto polled = one.subscriber->poll();
    if (!polled && first) first = std::move(polled);
  }
  return first;
}

/// Left alone while it is as wanted: an await that follows another costs no system call.
void ReactorState::set_tick(std::int64_t ns) noexcept {
  if (tick_ns == ns) return;
  itimerspec spec{};
  spec.it_interval.tv_nsec = spec.it_value.tv_nsec = ns;
  if (::timerfd_settime(timer, 0, &spec, nullptr) == 0) tick_ns = ns;
}

/// Those that wait now, each once: who is resumed and waits again is asked with the next turn. A
/// coroutine may end others that wait, so the place in the list is held by a mark of its own.
std::size_t ReactorState::resume_ready() noexcept {
  if (place.linked()) return 0;  // called by one that is being resumed
  std::size_t resumed = 0;
  turn_end.link_before(list);
  place.link_before(*list.after);
  while (place.after != &turn_end) {
    WaitNode& node = *place.after;
    place.unlink();
    place.link_before(*node.after);
    if (!node.ready(node)) continue;
    node.unlink();
    ++resumed;
    node.waiting.resume();
  }
  place.unlink();
  turn_end.unlink();
  return resumed;
}

}  // namespace detail

Reactor::Reactor(std::unique_ptr<detail::ReactorState> state) noexcept : state_(std::move(state)) {}
Reactor::Reactor(Reactor&& other) noexcept = default;
Reactor::~Reactor() = default;

Result<Reactor> Reactor::create() noexcept {
  std::unique_ptr<detail::ReactorState> state(new (std::nothrow) detail::ReactorState());
  if (!state) return fail(ErrorKind::limit_reached, "no memory for a reactor");
  state->epoll = descriptor::epoll();
  state->timer = descriptor::timer(CLOCK_MONOTONIC, TFD_NONBLOCK);
  if (state->epoll < 0 || state->timer < 0 || !detail::add_to(state->epoll, state->timer)) {
    return fail(ErrorKind::limit_reached,
                "no descriptor for a reactor: raise the limit of open files (ulimit -n)", errno);
  }
  return Reactor(std::move(state));
}

Result<void> Reactor::watch(const RawCaller& caller) noexcept {
  return detail::without_throwing([&]() -> Result<void> {
    state_->callers.push_back({caller});
    return {};
  });
}

Result<void> Reactor::watch(RawSubscriber& subscriber) noexcept {
  return detail::without_throwing([&]() -> Result<void> {
    state_->subscribers.push_back({&subscriber});
    return {};
  });
}

/// Somebody is about to wait: from here on the descriptor tells.
detail::WaitNode& Reactor::list() noexcept {
  if (state_->tick_ns == 0) state_->set_tick(detail::unwatched_tick_ns);
  return state_->list;
}
bool Reactor::idle() const noexcept { return !state_->list.linked(); }
int Reactor::fd() const noexcept { return state_->epoll; }

/// Callers first: what arrives after their poll() makes the descriptor readable again.
Result<std::size_t> Reactor::poll() noexcept {
  if (idle()) {
    state_->set_tick(0);
    if (auto polled = state_->poll_watched(); !polled) {
      return tl::unexpected<Error>(polled.error());
    }
    return 0;
  }
  std::uint64_t ticks = 0;
  (void)!::read(state_->timer, &ticks, sizeof ticks);
  const bool all = state_->list_watched();
  const auto polled = state_->poll_watched();
  const std::size_t resumed = state_->resume_ready();
  state_->set_tick(all ? detail::watched_tick_ns : detail::unwatched_tick_ns);
  if (!polled) return tl::unexpected<Error>(polled.error());
  return resumed;
}

Result<void> Reactor::run(const std::stop_token& stop, WaitMode wait) noexcept {
  const bool may_spin =
      wait == WaitMode::spinning || (wait == WaitMode::adaptive && wait::usable_cpus() > 1);
  std::uint64_t worked_at = wait::monotonic_ns();
  std::uint64_t polled_at = worked_at;
  while (!idle() && !stop.stop_requested()) {
    const std::uint64_t now = wait::monotonic_ns();
    if (may_spin && (wait == WaitMode::spinning || now - worked_at < detail::spin_ns)) {
      if (state_->resume_ready() > 0) worked_at = now;
      wait::cpu_relax();
      if (now - polled_at < detail::spinning_poll_ns) continue;
      polled_at = now;
      if (auto polled = state_->poll_watched(); !polled) return polled;
      continue;
    }
    const auto resumed = poll();
    if (!resumed) return tl::unexpected<Error>(resumed.error());
    if (*resumed == 0 && !idle()) {
      std::array<epoll_event, 8> events{};
      (void)::epoll_wait(state_->epoll, events.data(), static_cast<int>(events.size()), 100);
    }
    worked_at = wait::monotonic_ns();
  }
  return {};
}

}  // namespace shmbus
