// A mark in a process's address space that says which slot of the bus it holds: a page far beyond
// the end of the file, mapped without any access, at an offset that names slot and generation. Only
// the process itself can make it and the kernel shows it to others in /proc/PID/maps, so it proves
// what the words of the segment merely claim: see attach/exit_watch.hpp.
#pragma once

#include <cstdint>

#include "layout/words.hpp"
#include "os/handle_guard.hpp"

namespace shmbus::segment {

class SlotMark {
 public:
  SlotMark() noexcept = default;
  /// From the description that the segment is mapped from: the mark does not outlast the token. It
  /// may be refused (RLIMIT_AS, a file system with small offsets); there is no mark then, and
  /// nobody can prove that the process is exiting.
  SlotMark(int fd, layout::ParticipantId slot, liveness::HandleGuard& guard) noexcept;
  SlotMark(SlotMark&& other) noexcept;
  SlotMark& operator=(SlotMark&& other) noexcept;
  ~SlotMark();

  [[nodiscard]] const void* page() const noexcept { return page_; }
  /// Where in the file the mark of that slot is. Generations come round after 4096.
  static std::uint64_t offset_of(layout::ParticipantId slot) noexcept;

 private:
  void* page_ = nullptr;
  liveness::HandleGuard* guard_ = nullptr;
};

}  // namespace shmbus::segment
