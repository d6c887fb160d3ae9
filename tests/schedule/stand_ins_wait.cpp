// What the library asks of the kernel and the processor to wait, and to tell the time: answered by
// the scheduler. Instead of os/{clock,fence,futex}.cpp.
#include <algorithm>
#include <array>

#include "os/clock.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "schedule/scheduler.hpp"

namespace shmbus {

namespace scheduled {

void before(const void* word, Access access, std::uint64_t value) noexcept {
  if (auto* scheduler = schedule::Scheduler::at_work()) scheduler->access(word, access, value);
}
std::uint64_t ticks() noexcept { return schedule::Scheduler::the().now(); }
/// Spinning takes time, which passes when nobody has anything better to do.
void relax() noexcept { wait::pause_for(10'000); }
bool planted(const char* mistake) noexcept { return schedule::Scheduler::the().planted(mistake); }

}  // namespace scheduled

namespace wait {

namespace detail {
const bool counter_is_usable = true;
std::atomic<bool> publisher_must_fence{false};
void full_fence() noexcept {}
}  // namespace detail

std::uint64_t monotonic_ns() noexcept { return scheduled::ticks(); }
std::uint64_t ticks_per_second() noexcept { return 1'000'000'000; }
void prepare_fences() noexcept {}
bool sleeper_fence() noexcept { return true; }

void pause_for(std::uint64_t ns) noexcept {
  if (auto* scheduler = schedule::Scheduler::at_work()) scheduler->sleep({}, ns);
}

void futex_wait(layout::Word32& word, std::uint32_t expected, std::uint64_t limit_ns) noexcept {
  const FutexWaiter only{&word, expected};
  futex_wait_any({&only, 1}, limit_ns);
}

/// The kernel compares and sleeps at once, so nobody runs between the last look and the sleep.
void futex_wait_any(std::span<const FutexWaiter> waiters, std::uint64_t limit_ns) noexcept {
  auto* scheduler = schedule::Scheduler::at_work();
  if (scheduler == nullptr) return;
  for (const auto& waiter : waiters) {
    if (waiter.word->load(std::memory_order_relaxed) != waiter.expected) return;
  }
  for (const auto& waiter : waiters) {
    if (scheduler->peek(waiter.word) != waiter.expected) return;
  }
  scheduler->sleep(waiters, limit_ns);
}

void bump_and_wake(layout::Word32& count) noexcept {
  count.fetch_add(1, std::memory_order_seq_cst);
  if (auto* scheduler = schedule::Scheduler::at_work()) scheduler->wake(&count);
}

}  // namespace wait
}  // namespace shmbus
