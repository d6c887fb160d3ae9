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

struct FutexWaiter {
  layout::Word32* word;
  std::uint32_t expected;
};

inline constexpr std::size_t futex_waiters_max = 16;

/// The same for several words (futex_waitv, Linux 5.16). Where the kernel or a sandbox refuses it,
/// sleeps on the first word for at most a millisecond instead.
void futex_wait_any(std::span<const FutexWaiter> waiters, std::uint64_t limit_ns) noexcept;

void futex_wake(layout::Word32& word, int count) noexcept;

/// The only way to wake: first change the word, so that "re-check, then sleep" cannot miss it.
inline void bump_and_wake(layout::Word32& count) noexcept {
  count.fetch_add(1, std::memory_order_seq_cst);  // SYNC wait.event: pairs with the sleeper's load
  futex_wake(count, 1 << 30);
}

}  // namespace shmbus::wait
