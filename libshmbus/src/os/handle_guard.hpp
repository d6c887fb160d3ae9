// Whether the handles of one opened bus may be used, in one word that every operation loads. The
// line never changes while all is well, so the check costs a load that hits.
//
//   intact ──fork, in the child─────────► forked   the kernel hands the child a page of zeros
//                                                  (MADV_WIPEONFORK), by fork, _Fork or clone
//   intact ──SIGBUS inside the mapping──► lost     the file was cut short under it: the handler of
//                                                  bus_error.cpp puts pages of zeros in its place
//
// There is a page for each mapping. Pages are given back, never unmapped: a signal handler may be
// walking the list of them at any time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "os/fence.hpp"

namespace shmbus::liveness {

class HandleGuard {
 public:
  /// Null when the page cannot be had, with errno.
  static HandleGuard* acquire() noexcept;
  /// The guard whose watched mapping holds this address. Async-signal-safe.
  static HandleGuard* at(std::uintptr_t address) noexcept;
  /// How many mappings this process has lost.
  static std::uint32_t lost_mappings() noexcept;

  HandleGuard(const HandleGuard&) = delete;
  HandleGuard& operator=(const HandleGuard&) = delete;

  [[nodiscard]] bool intact() const noexcept { return state_.load(std::memory_order_relaxed) == 1; }
  /// Like intact(), about what was read from the mapping before: false when some of it may have
  /// been zeros that no peer wrote.
  [[nodiscard]] bool was_intact() const noexcept {
#if defined(__x86_64__)
    std::atomic_signal_fence(std::memory_order_seq_cst);  // loads stay in order by themselves
#else
    wait::detail::full_fence();
#endif
    return intact();
  }
  [[nodiscard]] bool forked() const noexcept { return state_.load(std::memory_order_relaxed) == 0; }
  [[nodiscard]] bool lost() const noexcept { return state_.load(std::memory_order_relaxed) == 2; }

  /// From now on a SIGBUS in this range is this guard's affair.
  void watch(const void* begin, std::size_t bytes) noexcept;
  /// A page that keeps the file's description as the mapping does: it goes with it.
  void watch_mark(const void* page, std::size_t bytes) noexcept;
  /// Puts private zero pages where the mapping was. Zeros read as an empty bus, so the process that
  /// is in the middle of an operation goes on to its next check. False when the kernel refused.
  /// Async-signal-safe.
  bool lose() noexcept;
  /// The handles are gone and the mapping is about to go. REQUIRES: !forked().
  void release() noexcept;

 private:
  HandleGuard() noexcept = default;

  std::atomic<std::uint32_t> state_{1};  ///< 0 forked, 1 intact, 2 lost, 3 given back
  std::atomic<std::uintptr_t> begin_{0};
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::uintptr_t> mark_{0};
  std::atomic<std::size_t> mark_bytes_{0};
  HandleGuard* next_ = nullptr;  ///< set before the page can be found, never changed
};

}  // namespace shmbus::liveness
