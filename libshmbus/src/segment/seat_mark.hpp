// A mark in a process's address space that says which seat of the bus it holds: a page far beyond
// the end of the file, mapped without any access, at an offset that names seat and generation. Only
// the process itself can make it and the kernel shows it to others in /proc/PID/maps, so it proves
// what the words of the segment merely claim: see attach/exit_watch.hpp.
#pragma once

#include <cstdint>

#include "layout/words.hpp"
#include "os/handle_guard.hpp"

namespace shmbus::segment {

class SeatMark {
 public:
  SeatMark() noexcept = default;
  /// From the description that the segment is mapped from: the mark does not outlast the token. It
  /// may be refused (RLIMIT_AS, a file system with small offsets); there is no mark then, and
  /// nobody can prove that the process is exiting.
  SeatMark(int fd, layout::Party seat, liveness::HandleGuard& guard) noexcept;
  SeatMark(SeatMark&& other) noexcept;
  SeatMark& operator=(SeatMark&& other) noexcept;
  ~SeatMark();

  [[nodiscard]] const void* page() const noexcept { return page_; }
  /// Where in the file the mark of that seat is. Generations come round after 4096.
  static std::uint64_t offset_of(layout::Party seat) noexcept;

 private:
  void* page_ = nullptr;
  liveness::HandleGuard* guard_ = nullptr;
};

}  // namespace shmbus::segment
