// Answers "is participant i dead?" from the kernel alone: it is when its byte of the file is
// unlocked, or when every thread of the process that was proven to hold it is exiting. Nothing that
// stands in the segment can change the verdict, and SIGSTOP, a debugger, a clock step, pid reuse or
// a pid namespace cannot either.
//
// The lock alone may say "alive" for long while the memory of a dying process is taken down or
// dumped. That delays, it never errs.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "attach/exit_watch.hpp"
#include "segment/file.hpp"

namespace shmbus::liveness {

class Prober {
 public:
  /// Opens a second description of the same file: a description does not see its own locks.
  /// May throw std::bad_alloc.
  Prober(int fd, std::string path, segment::FileId id, std::uint32_t slots);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// About half a microsecond. Any thread.
  [[nodiscard]] bool dead(std::uint32_t participant) const noexcept;
  /// A daemon supervises the bus.
  [[nodiscard]] bool daemon_present() const noexcept;
  /// The early proof, of a participant whose lock is still held: see exit_watch.hpp.
  [[nodiscard]] bool exiting(layout::ParticipantId party) const noexcept {
    return exits_.exiting(party);
  }
  /// exiting() will tell when it ends.
  [[nodiscard]] bool knows(layout::ParticipantId party) const noexcept {
    return exits_.knows(party);
  }
  void meet(layout::ParticipantId party, const layout::Participant& slot) const noexcept {
    exits_.meet(party, slot, mark_);
  }
  /// Where this process has marked its own slot; before it meets others.
  void set_mark(const void* page) noexcept { mark_ = page; }
  [[nodiscard]] bool same_file(const Prober& other) const noexcept { return id_ == other.id_; }
  [[nodiscard]] bool valid() const noexcept { return fd_.load(std::memory_order_relaxed) >= 0; }

 private:
  [[nodiscard]] bool held(std::int64_t offset) const noexcept;
  [[nodiscard]] bool still_ours(int fd) const noexcept;
  [[nodiscard]] int reopen() const noexcept;

  mutable std::atomic<int> fd_;
  std::string path_;
  segment::FileId id_;
  mutable ExitWatch exits_;
  const void* mark_ = nullptr;
};

}  // namespace shmbus::liveness
