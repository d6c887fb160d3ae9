#include "os/token_check.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "layout/participant.hpp"
#include "os/descriptor.hpp"
#include "os/file_lock.hpp"

namespace shmbus::liveness {
namespace {

constexpr std::size_t trial_bytes = 4096;

struct Owned {
  int fd = -1;
  explicit Owned(int opened) noexcept : fd(opened) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { close(); }
  void close() noexcept {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

/// Below everything that any version locks. By chance, so that openers rarely meet.
std::int64_t some_byte() noexcept {
  std::uint32_t random = 0;
  (void)::getrandom(&random, sizeof random, GRND_NONBLOCK);
  return layout::replace_lock_offset - 1 - std::int64_t{random};
}

bool same_file(int a, int b) noexcept {
  struct stat one {};
  struct stat other {};
  return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

/// Another description of the file behind `fd`.
int open_again(int fd, const char* path) noexcept {
  int again = descriptor::reopen(fd, O_RDWR);
  if (again >= 0 || path == nullptr) return again;
  again = descriptor::open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
  if (again < 0 || same_file(fd, again)) return again;
  ::close(again);
  errno = ESTALE;
  return -1;
}

TokenCheck try_once(int fd, const char* path) noexcept {
  Owned token(open_again(fd, path));
  const Owned witness(open_again(fd, path));
  if (token.fd < 0 || witness.fd < 0) return {TokenTrial::untried, errno};
  const std::int64_t byte = some_byte();
  if (!try_lock(token.fd, byte, 1)) return {TokenTrial::no_locks, errno};
  void* const mapping =
      ::mmap(nullptr, trial_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, token.fd, 0);
  if (mapping == MAP_FAILED) return {TokenTrial::untried, errno};
  (void)::madvise(mapping, trial_bytes, MADV_DONTFORK);
  token.close();
  const LockState mapped = query_lock(witness.fd, byte, 1);
  const int error_number = errno;
  ::munmap(mapping, trial_bytes);
  if (mapped == LockState::unknown) return {TokenTrial::no_locks, error_number};
  if (mapped == LockState::free) return {TokenTrial::lost, 0};
  const bool released = query_lock(witness.fd, byte, 1) == LockState::free;
  return {released ? TokenTrial::holds : TokenTrial::stuck, 0};
}

}  // namespace

TokenCheck check_token(int fd, const char* path) noexcept {
  // A child that another thread forks during the trial keeps the lock for a moment.
  constexpr int attempts = 8;
  TokenCheck check;
  for (int i = 0; i < attempts; ++i) {
    check = try_once(fd, path);
    // Held: another opener tries the same byte.
    const bool again = check.trial == TokenTrial::stuck ||
                       (check.trial == TokenTrial::no_locks && held_by_another(check.error_number));
    if (!again) break;
  }
  return check;
}

}  // namespace shmbus::liveness
