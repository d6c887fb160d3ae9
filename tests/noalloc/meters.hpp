// What a process did since it was last asked: heap allocations, page faults, system calls. The
// figures lie in memory that a test shares with its children, so one process reads another's.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace shmbus::test {

struct Meters {
  std::atomic<std::uint64_t> allocations{0};   ///< malloc and its relatives; operator new, too
  std::atomic<std::uint64_t> system_calls{0};  ///< that forbid_system_calls() caught
  std::atomic<long> last_system_call{-1};
};

/// From now on this process counts into `meters`, which must outlive it.
void count_into(Meters& meters) noexcept;

/// False where another allocator hides the C library's, as sanitizers do.
bool allocations_are_counted() noexcept;

/// From now on each system call of this process fails and is counted; only what a signal handler
/// returns with and what ends a process still works. There is no way back. False when a sandbox or
/// the kernel does not let us.
bool forbid_system_calls() noexcept;

/// Minor and major page faults of a process so far.
std::uint64_t page_faults(pid_t pid);

}  // namespace shmbus::test
