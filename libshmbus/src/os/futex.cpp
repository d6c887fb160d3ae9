#include "os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "os/clock.hpp"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

namespace shmbus::wait {
namespace {

// The kernel's own structure, spelled out: older headers lack it.
struct KernelWaiter {
  std::uint64_t value;
  std::uint64_t address;
  std::uint32_t flags;
  std::uint32_t reserved;
};
constexpr std::uint32_t futex_word_32 = 2;
constexpr std::uint64_t ns_per_second = 1'000'000'000;
constexpr std::uint64_t fallback_slice_ns = 1'000'000;

timespec to_timespec(std::uint64_t ns) noexcept {
  return {static_cast<time_t>(ns / ns_per_second), static_cast<long>(ns % ns_per_second)};
}

}  // namespace

void futex_wait(layout::Word32& word, std::uint32_t expected, std::uint64_t limit_ns) noexcept {
  const timespec limit = to_timespec(limit_ns);
  (void)::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &limit, nullptr, 0);
}

void pause_for(std::uint64_t ns) noexcept {
  const timespec limit = to_timespec(ns);
  // Not the library's function, where a thread that is being cancelled ends.
  (void)::syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &limit, nullptr);
}

void futex_wait_any(std::span<const FutexWaiter> waiters, std::uint64_t limit_ns) noexcept {
  if (waiters.empty()) return;
  if (waiters.size() == 1) {
    futex_wait(*waiters.front().word, waiters.front().expected, limit_ns);
    return;
  }
  std::array<KernelWaiter, futex_waiters_max> list{};
  const std::size_t count = std::min(waiters.size(), list.size());
  for (std::size_t i = 0; i < count; ++i) {
    list[i] = {waiters[i].expected, reinterpret_cast<std::uintptr_t>(waiters[i].word),
               futex_word_32, 0};
  }
  // futex_waitv takes an absolute time.
  const timespec until = to_timespec(monotonic_ns() + limit_ns);
  const long result = ::syscall(SYS_futex_waitv, list.data(), count, 0, &until, CLOCK_MONOTONIC);
  if (result < 0 && (errno == ENOSYS || errno == EPERM)) {
    futex_wait(*waiters.front().word, waiters.front().expected,
               std::min(limit_ns, fallback_slice_ns));
  }
}

void bump_and_wake(layout::Word32& count) noexcept {
  constexpr long everybody = 1 << 30;
  // SYNC wait.event: count += 1, then wake all; the second word's condition (old < 0) is idle.
  const long result = ::syscall(SYS_futex, &count, FUTEX_WAKE_OP, everybody, 0L, &count,
                                FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_LT, 0));
  if (result >= 0) return;
  count.fetch_add(1, std::memory_order_seq_cst);  // SYNC wait.event
  (void)::syscall(SYS_futex, &count, FUTEX_WAKE, everybody, nullptr, nullptr, 0);
}

}  // namespace shmbus::wait
