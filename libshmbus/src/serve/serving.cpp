#include "serve/serving.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

#include "os/fence.hpp"
#include "serve/server_core.hpp"
#include "trace/serving.hpp"
#include "words/directory.hpp"
#include "words/journal.hpp"

namespace shmbus::detail {

using layout::CellWord;
using layout::ControlWord;
using layout::LaneWord;
using layout::WaitWord;

/// The lock is this process's own, held for a few loads and stores.
struct Servers {
  std::mutex mutex;
  Listed* first = nullptr;

  /// A forked child begins with none: those that it inherits serve nobody there, and the lock may
  /// be held by a thread that it does not have.
  static Servers& all() noexcept {
    alignas(Servers) static std::byte place[sizeof(Servers)];  // NOLINT: made anew in a child
    static const bool made = [] {
      const auto make = [] { ::new (static_cast<void*>(place)) Servers(); };
      make();
      (void)::pthread_atfork(nullptr, nullptr, make);
      return true;
    }();
    (void)made;
    return *std::launder(reinterpret_cast<Servers*>(place));
  }
  void enter(Listed& one) noexcept {
    const std::scoped_lock lock(mutex);
    one.next_ = first;
    first = &one;
  }
  void leave(Listed& one) noexcept {
    const std::scoped_lock lock(mutex);
    for (Listed** at = &first; *at != nullptr; at = &(*at)->next_) {
      if (*at != &one) continue;
      *at = one.next_;
      return;
    }
  }
  /// Calls `f(core)` for each server on that bus that this thread was the last to poll, until it
  /// returns true.
  template <class F>
  bool any_of_this_thread(const Attachment& bus, F f) noexcept {
    const std::scoped_lock lock(mutex);
    for (const Listed* one = first; one != nullptr; one = one->next_) {
      ServerCore& core = *one->core_;
      if (core.served_by() == this_thread.server_number && core.is_on(bus) && f(core)) return true;
    }
    return false;
  }
};

namespace {

// Outside of its handlers a thread may be about to hand the server over to another.
constexpr std::uint64_t hand_over_ns = 100'000'000;
// Those who close a circle at the same moment all see it: one of them goes first.
constexpr std::uint64_t give_way_ns = 20'000'000;

/// Threads that have served, told apart; 0 is none.
std::uint32_t number_of_this_thread() noexcept {
  static std::atomic<std::uint32_t> last{0};
  auto& number = this_thread.server_number;
  while (number == 0) number = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

bool started(const segment::View& view, std::uint32_t lane, std::uint64_t seq) noexcept {
  return lane::effective_cursor(view.lane(lane)).seq() > seq;
}

bool answered(const segment::View& view, std::uint32_t lane, std::uint64_t seq) noexcept {
  const auto cells = view.cells(lane);
  return std::any_of(cells.begin(), cells.end(), [seq](const layout::Cell& cell) {
    // SYNC lane.reply
    const CellWord word{cell.word[0].load(std::memory_order_acquire)};
    return word.seq() == seq && word.phase() == layout::Phase::reply;
  });
}

/// One command that somebody waits for.
struct Link {
  std::uint32_t lane = 0;
  std::uint64_t seq = 0;
};

/// What the one that serves `endpoint` waits for, if it waits, and if our command `behind` cannot
/// end before that has.
bool next_link(const segment::View& view, std::uint32_t endpoint, Link behind,
               Link& next) noexcept {
  const auto& owner = view.endpoint(endpoint).owner;
  // SYNC endpoint.waits
  const WaitWord waits{owner.waits_for.load(std::memory_order_acquire)};
  const WaitWord runs{owner.waits_in.load(std::memory_order_acquire)};
  if (waits.none() || waits.lane() >= view.capacities().lanes) return false;
  // Started, and not what it waits in: then it was deferred, and others may answer it.
  const bool is_what_runs = !runs.none() && runs.lane() == behind.lane && runs.seq() == behind.seq;
  if (started(view, behind.lane, behind.seq) && !is_what_runs) return false;
  next = {waits.lane(), waits.seq()};
  const LaneWord word = lane::load_word(view, next.lane);
  // SYNC endpoint.control
  const ControlWord control{
      view.endpoint(endpoint).control.control.load(std::memory_order_acquire)};
  return control.active() && word.in_use() && word.party() == control.holder() &&
         word.endpoint() < view.capacities().endpoints && !answered(view, next.lane, next.seq);
}

}  // namespace

// --- who serves ------------------------------------------------------------------------------

Serving::Serving(ServerCore& core) noexcept : core_(&core), before_(this_thread.serving) {
  core.note_served_by(number_of_this_thread());
  this_thread.serving = this;
}

bool is_serving(const ServerCore& core) noexcept {
  for (const Serving* one = this_thread.serving; one != nullptr; one = one->before()) {
    if (&one->core() == &core) return true;
  }
  return false;
}

#if defined(SHMBUS_SCHEDULED)
/// Participants that are killed there destroy nothing.
Listed::Listed(ServerCore& core) noexcept : core_(&core), listed_(false) {}
#else
Listed::Listed(ServerCore& core) noexcept : core_(&core) { Servers::all().enter(*this); }
#endif

void Listed::leave() noexcept {
  if (std::exchange(listed_, false)) Servers::all().leave(*this);
}

namespace {

bool runs_here(const Attachment& bus, std::uint32_t lane, std::uint64_t seq) noexcept {
  for (const Serving* one = this_thread.serving; one != nullptr; one = one->before()) {
    if (one->core().is_on(bus) && one->core().runs(lane, seq)) return true;
  }
  return false;
}

}  // namespace

bool serves_now(const Attachment& bus, std::uint32_t endpoint) noexcept {
  for (const Serving* one = this_thread.serving; one != nullptr; one = one->before()) {
    if (one->core().is_on(bus) && one->core().runs_user_code() && one->core().owns(endpoint)) {
      return true;
    }
  }
  return false;
}

// --- circles of waiting ----------------------------------------------------------------------

WaitNote::WaitNote(const Awaited& command) noexcept : command_(command) {
  if (this_thread.server_number == 0) [[likely]]
    return;
  noted_ = true;
  const auto waits = WaitWord::make(command.lane, command.seq);
  (void)Servers::all().any_of_this_thread(*command.bus, [&](ServerCore& core) {
    core.note_wait(waits);
    return false;
  });
  wait::detail::full_fence();  // who closes a circle at this moment sees us, or we see them
}

WaitNote::~WaitNote() {
  if (!noted_) return;
  (void)Servers::all().any_of_this_thread(*command_.bus, [](ServerCore& core) {
    core.note_wait({});
    return false;
  });
}

bool WaitNote::in_circle(std::uint64_t waited_ns) const noexcept {
  if (!noted_) [[likely]]
    return false;
  const auto& view = command_.bus->view;
  if (started(view, command_.lane, command_.seq)) return false;
  Link behind{command_.lane, command_.seq};
  std::uint32_t endpoint = command_.endpoint;
  std::uint32_t lowest = endpoint;
  bool others = false;  // somebody else in the circle waits for what was not started
  for (std::uint32_t left = view.capacities().endpoints; left-- > 0;) {
    const bool certain = serves_now(*command_.bus, endpoint);
    const bool ours =
        certain || Servers::all().any_of_this_thread(
                       *command_.bus, [endpoint](ServerCore& core) { return core.owns(endpoint); });
    if (ours) {
      // What we have started is behind us only if it is what we wait in.
      if (started(view, behind.lane, behind.seq) &&
          !runs_here(*command_.bus, behind.lane, behind.seq)) {
        return false;
      }
      if (!certain) return waited_ns >= hand_over_ns;
      return !others || endpoint == lowest || waited_ns >= give_way_ns;
    }
    Link next;
    if (!next_link(view, endpoint, behind, next)) return false;
    behind = next;
    others = others || !started(view, next.lane, next.seq);
    endpoint = lane::load_word(view, next.lane).endpoint();
    if (endpoint >= view.capacities().endpoints) return false;
    lowest = std::min(lowest, endpoint);
  }
  return false;
}

}  // namespace shmbus::detail
