// Answers "is participant i dead?" from the kernel alone: it is, exactly when its byte of the file
// is unlocked. Nothing that stands in the segment can change the verdict, and SIGSTOP, a debugger,
// a clock step, pid reuse or a pid namespace cannot either.
//
// An endless "alive" is possible while something else keeps the memory of a dying process (a core
// dump). That delays, it never errs.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "segment/file.hpp"

namespace shmbus::liveness {

class Prober {
 public:
  /// Opens a second description of the same file: a description does not see its own locks.
  Prober(int fd, std::string path, segment::FileId id) noexcept;
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// About half a microsecond. Any thread.
  [[nodiscard]] bool dead(std::uint32_t participant) const noexcept;
  /// A daemon has the bus in its care.
  [[nodiscard]] bool daemon_present() const noexcept;
  [[nodiscard]] bool valid() const noexcept { return fd_.load(std::memory_order_relaxed) >= 0; }

 private:
  [[nodiscard]] bool held(std::int64_t offset) const noexcept;
  [[nodiscard]] bool still_ours(int fd) const noexcept;
  [[nodiscard]] int reopen() const noexcept;

  mutable std::atomic<int> fd_;
  std::string path_;
  segment::FileId id_;
};

}  // namespace shmbus::liveness
