// Early proof of death. The lock of a participant is released when the kernel has taken its address
// space down: a millisecond for a small process, a third of a second for one of 4 GiB, seconds for
// one that dumps core. But a process can act no more from the moment when every one of its threads
// is exiting (or dumps core, which none returns from), and /proc shows that at once.
//
// Nothing that stands in the segment is believed. The pid that a participant wrote says only where
// to look: while the process lives, its address space must show the mark of exactly that slot
// (segment/slot_mark.hpp), and from then on it is known by its pid and the time it was started at.
// Where /proc does not show that, because the process belongs to another user, lives in another pid
// namespace or /proc is not mounted, there is no early proof and the lock decides alone.
//
// Two processes that share an address space without being threads (clone with CLONE_VM alone) are
// not told apart: a bus must not be used by such a child after its parent has ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "layout/participant.hpp"
#include "layout/words.hpp"

namespace shmbus::liveness {

class ExitWatch {
 public:
  /// May throw std::bad_alloc.
  explicit ExitWatch(std::uint32_t slots);

  /// Learns which process sits there, unless it has tried before: reads /proc/PID/maps. Any thread.
  /// `our_mark`: this process's own, from which it learns how /proc names the file.
  void meet(layout::ParticipantId party, const layout::Participant& slot,
            const void* our_mark) noexcept;
  /// meet() has found its process.
  [[nodiscard]] bool knows(layout::ParticipantId party) const noexcept;
  /// Every thread of its process is exiting. False when it is not known. Some microseconds.
  [[nodiscard]] bool exiting(layout::ParticipantId party) const noexcept;

 private:
  /// Written by one of those who meet; read consistently or not at all.
  struct Known {
    std::atomic<std::uint64_t> who{0};      ///< epoch << 32 | pid; pid 0: tried in vain
    std::atomic<std::uint64_t> started{0};  ///< clock ticks since boot
  };
  struct Process {
    std::uint32_t pid = 0;
    std::uint64_t started = 0;
  };
  [[nodiscard]] Process process_of(layout::ParticipantId party) const noexcept;
  [[nodiscard]] bool shows_mark(std::uint32_t pid, layout::ParticipantId party,
                                const void* our_mark) const;

  std::uint32_t slots_;
  std::unique_ptr<Known[]> known_;
};

}  // namespace shmbus::liveness
