#include "os/file_lock.hpp"

#include <fcntl.h>

#include <cerrno>

namespace shmbus::liveness {
namespace {

struct flock describe(short type, std::int64_t offset, std::int64_t bytes) noexcept {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = offset;
  lock.l_len = bytes;
  return lock;
}

int control(int fd, int command, struct flock& lock) noexcept {
  int result = 0;
  do {
    result = ::fcntl(fd, command, &lock);
  } while (result != 0 && errno == EINTR);
  return result;
}

}  // namespace

bool try_lock(int fd, std::int64_t offset, std::int64_t bytes) noexcept {
  auto lock = describe(F_WRLCK, offset, bytes);
  return control(fd, F_OFD_SETLK, lock) == 0;
}

void unlock(int fd, std::int64_t offset, std::int64_t bytes) noexcept {
  auto lock = describe(F_UNLCK, offset, bytes);
  (void)control(fd, F_OFD_SETLK, lock);
}

LockState query_lock(int fd, std::int64_t offset, std::int64_t bytes) noexcept {
  auto lock = describe(F_WRLCK, offset, bytes);
  if (control(fd, F_OFD_GETLK, lock) != 0) return LockState::unknown;
  return lock.l_type == F_UNLCK ? LockState::free : LockState::held;
}

}  // namespace shmbus::liveness
