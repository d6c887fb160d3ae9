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

std::uint64_t load(const void* word, std::uint64_t newest, std::memory_order order,
                   Site site) noexcept {
  auto* scheduler = schedule::Scheduler::at_work();
  return scheduler == nullptr ? newest : scheduler->load(word, newest, order, site);
}
std::uint64_t store(const void* word, std::uint64_t newest, std::uint64_t value,
                    std::memory_order order, Site site) noexcept {
  auto* scheduler = schedule::Scheduler::at_work();
  return scheduler == nullptr ? value : scheduler->store(word, newest, value, order, site);
}
std::uint64_t modify_load(const void* word, std::uint64_t newest, const std::uint64_t* expected,
                          std::memory_order order, std::memory_order failure, Site site) noexcept {
  auto* scheduler = schedule::Scheduler::at_work();
  if (scheduler == nullptr) return newest;
  return scheduler->modify_load(word, newest, expected, order, failure, site);
}
std::uint64_t modify_store(const void* word, std::uint64_t value, std::memory_order order,
                           Site site) noexcept {
  auto* scheduler = schedule::Scheduler::at_work();
  return scheduler == nullptr ? value : scheduler->modify_store(word, value, order, site);
}

std::uint64_t ticks() noexcept { return schedule::Scheduler::the().now(); }
/// Spinning takes time, which passes when nobody has anything better to do.
void relax() noexcept {
  constexpr std::uint64_t moment_ns = 10'000;
  auto* scheduler = schedule::Scheduler::at_work();
  if (scheduler != nullptr) scheduler->sleep({}, moment_ns, schedule::Scheduler::Sleep::spinning);
}
bool planted(const char* mistake) noexcept { return schedule::Scheduler::the().planted(mistake); }

}  // namespace scheduled

namespace wait {

namespace detail {
const bool counter_is_usable = true;
void full_fence(scheduled::Site site) noexcept {
  if (auto* scheduler = schedule::Scheduler::at_work()) scheduler->full_fence(site);
}
}  // namespace detail

std::uint64_t monotonic_ns() noexcept { return scheduled::ticks(); }
std::uint64_t ticks_per_second() noexcept { return 1'000'000'000; }
void prepare_fences() noexcept {}
bool publishers_fence() noexcept {
  auto* scheduler = schedule::Scheduler::at_work();
  return scheduler != nullptr && scheduler->bare();
}
void light_publisher_fence(scheduled::Site site) noexcept { publisher_fence(site); }
void publisher_fence(scheduled::Site site) noexcept {
  if (auto* scheduler = schedule::Scheduler::at_work()) scheduler->publisher_fence(site);
}
bool sleeper_fence(scheduled::Site site) noexcept {
  auto* scheduler = schedule::Scheduler::at_work();
  return scheduler == nullptr || scheduler->sleeper_fence(site);
}

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
