// The futex system calls, for words that other processes share. Nothing else in the library
// sleeps. Every sleep has a limit, and every caller of these re-checks its condition afterwards,
// since any process that maps the segment can wake or swallow a wake-up.
#pragma once

#include <cstdint>
#include <span>

#include "layout/lane.hpp"

namespace shmbus::wait {

/// Sleeps while `word` holds `expected`, at most `limit_ns`. May return early for no reason.
void futex_wait(layout::Word32& word, std::uint32_t expected, std::uint64_t limit_ns) noexcept;

/// Sleeps where there is no word to sleep on.
void pause_for(std::uint64_t ns) noexcept;

struct FutexWaiter {
  layout::Word32* word;
  std::uint32_t expected;
};

inline constexpr std::size_t futex_waiters_max = 16;

/// The same for several words (futex_waitv, Linux 5.16). Where the kernel or a sandbox refuses it,
/// sleeps on the first word for at most a millisecond instead.
void futex_wait_any(std::span<const FutexWaiter> waiters, std::uint64_t limit_ns) noexcept;

/// The only way to wake: change the word and wake, so that "re-check, then sleep" cannot miss it.
/// One system call does both, so that no kill can come between them.
void bump_and_wake(layout::Word32& count) noexcept;

/// The same for somebody who fell asleep at `parked_at`: when the count has moved on since, another
/// waker has been there, and no call is made.
inline void wake_sleeper(layout::Word32& count, const layout::Word32& parked_at) noexcept {
  // SYNC wait.parked: the sleeper stored parked_at before it said that it sleeps.
  const std::uint32_t slept_at = parked_at.load(std::memory_order_acquire);
  if (count.load(std::memory_order_relaxed) == slept_at) bump_and_wake(count);
}

}  // namespace shmbus::wait
