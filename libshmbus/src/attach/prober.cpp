#include "attach/prober.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "layout/participant.hpp"
#include "os/descriptor.hpp"
#include "os/file_lock.hpp"

namespace shmbus::liveness {

Prober::Prober(int fd, std::string path, segment::FileId id, std::uint32_t slots)
    : fd_(-1), path_(std::move(path)), id_(id), exits_(slots) {
  int own = descriptor::reopen(fd, O_RDWR);
  if (own < 0) own = descriptor::open(path_.c_str(), O_RDWR);
  if (own >= 0 && !still_ours(own)) {
    ::close(own);
    own = -1;
  }
  fd_.store(own, std::memory_order_relaxed);
}

Prober::~Prober() {
  const int fd = fd_.load(std::memory_order_relaxed);
  // After a closefrom() the number may be somebody else's file by now.
  if (fd >= 0 && still_ours(fd)) ::close(fd);
}

bool Prober::dead(std::uint32_t participant) const noexcept {
  return !held(layout::token_lock_offset + participant);
}

bool Prober::daemon_present() const noexcept { return held(layout::daemon_lock_offset); }

bool Prober::held(std::int64_t offset) const noexcept {
  const int fd = fd_.load(std::memory_order_relaxed);
  const LockState state = query_lock(fd, offset, 1);
  if (state == LockState::held) return true;
  // "Free" counts only if this descriptor still is our file: the application may have closed all
  // descriptors and opened others.
  if (state == LockState::free && still_ours(fd)) return false;
  const int fresh = reopen();
  return fresh < 0 || query_lock(fresh, offset, 1) != LockState::free;
}

bool Prober::still_ours(int fd) const noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && segment::FileId{status.st_dev, status.st_ino} == id_;
}

int Prober::reopen() const noexcept {
  const int fresh = descriptor::open(path_.c_str(), O_RDWR);
  if (fresh < 0) return -1;
  int old = fd_.load(std::memory_order_relaxed);
  if (!still_ours(fresh) || !fd_.compare_exchange_strong(old, fresh, std::memory_order_relaxed)) {
    ::close(fresh);
    return -1;
  }
  return fresh;
}

}  // namespace shmbus::liveness
