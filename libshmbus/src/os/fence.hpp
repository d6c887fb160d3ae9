// The store-then-load rule between a publisher and a process that is about to sleep.
//
//   publisher: store the command;   fence; load "is it asleep?"
//   sleeper:   store "I am asleep"; fence; load the command
//
// One of the two must see the other. A full fence in the publisher would make every command wait
// until its line has crossed to the other core, so the price is moved to the sleeper, who is about
// to lose microseconds anyway: membarrier(2) runs a full fence on every running thread of every
// registered process. A process that cannot register fences for itself as a publisher; a sleeper
// that cannot call it sleeps in short slices (sleeper_fence returns false).
//
// ThreadSanitizer knows neither membarrier nor stand-alone fences: its builds use a locked
// instruction on both sides.
#pragma once

#include <atomic>

#include "base/scheduled.hpp"

namespace shmbus::wait {

#if defined(SHMBUS_SCHEDULED)
// tests/schedule answers for the kernel, the processor and the compiler, and can leave out a fence.
namespace detail {
void full_fence(scheduled::Site site = scheduled::Site::here()) noexcept;
}
void prepare_fences() noexcept;
[[nodiscard]] bool publishers_fence() noexcept;
void light_publisher_fence(scheduled::Site site = scheduled::Site::here()) noexcept;
void publisher_fence(scheduled::Site site = scheduled::Site::here()) noexcept;
bool sleeper_fence(scheduled::Site site = scheduled::Site::here()) noexcept;
#else

namespace detail {
extern std::atomic<bool> publisher_must_fence;
void full_fence() noexcept;
}  // namespace detail

/// Once for each process, before it publishes anything.
void prepare_fences() noexcept;

/// Whether publisher_fence() has to be more than an order for the compiler: there is no membarrier.
[[nodiscard]] inline bool publishers_fence() noexcept {
  return detail::publisher_must_fence.load(std::memory_order_relaxed);
}

/// publisher_fence() where publishers_fence() said no.
inline void light_publisher_fence() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

inline void publisher_fence() noexcept {
  if (detail::publisher_must_fence.load(std::memory_order_relaxed)) [[unlikely]] {
    detail::full_fence();
  } else {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

/// True when no publisher can have been missed.
bool sleeper_fence() noexcept;
#endif

}  // namespace shmbus::wait
