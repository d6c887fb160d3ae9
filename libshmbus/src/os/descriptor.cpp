#include "os/descriptor.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace shmbus::descriptor {
namespace {

constexpr int first_of_ours = 3;

void close_quietly(int fd) noexcept {
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

/// Takes a free number. Reading and writing it fail with EBADF, as on a closed descriptor.
int occupy_one(int flags) noexcept { return ::open("/", O_PATH | O_DIRECTORY | flags); }

/// Holds the free numbers among 0 to 2 for as long as a descriptor is made. Moving the descriptor
/// afterwards would not be enough: another thread may print in between.
class StandardNumbersHeld {
 public:
  StandardNumbersHeld() noexcept {
    for (int& number : held_) {
      number = occupy_one(O_CLOEXEC);
      if (number < 0) return;
      if (number < first_of_ours) continue;
      close_quietly(number);
      number = -1;
      return;
    }
  }
  StandardNumbersHeld(const StandardNumbersHeld&) = delete;
  StandardNumbersHeld& operator=(const StandardNumbersHeld&) = delete;
  ~StandardNumbersHeld() {
    for (const int number : held_) {
      if (number >= 0) close_quietly(number);
    }
  }

 private:
  std::array<int, first_of_ours> held_{-1, -1, -1};
};

/// The program may have closed a standard stream in the meantime.
int moved_up(int fd) noexcept {
  if (fd < 0 || fd >= first_of_ours) return fd;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, first_of_ours);
  close_quietly(fd);
  return moved;
}

template <class Make>
int made(Make make) noexcept {
  const StandardNumbersHeld held;
  return moved_up(make());
}

/// The flags of open() that fopen() takes for this mode, without 'e' and 'b'.
int flags_of(const char* mode) noexcept {
  const bool both = std::strchr(mode, '+') != nullptr;
  const int writing = both ? O_RDWR : O_WRONLY;
  if (mode[0] == 'w') return writing | O_CREAT | O_TRUNC;
  if (mode[0] == 'a') return writing | O_CREAT | O_APPEND;
  return both ? O_RDWR : O_RDONLY;
}

}  // namespace

int open(const char* path, int flags, mode_t mode) noexcept {
  // Nothing is written through one that can only be read, so it may have such a number for a
  // moment: two system calls fewer for a caller that looks at /proc a hundred times a second.
  if ((flags & O_ACCMODE) == O_RDONLY) {
    const int fd = ::open(path, flags | O_CLOEXEC, mode);
    if (fd < 0 || fd >= first_of_ours) return fd;
    close_quietly(fd);
  }
  return made([&] { return ::open(path, flags | O_CLOEXEC, mode); });
}

int open_at(int folder, const char* path, int flags, mode_t mode) noexcept {
  return made([&] { return ::openat(folder, path, flags | O_CLOEXEC, mode); });
}

int reopen(int fd, int flags) noexcept {
  std::array<char, 32> self{};
  (void)std::snprintf(self.data(), self.size(), "/proc/self/fd/%d", fd);
  return open(self.data(), flags);
}

int duplicate(int fd) noexcept { return ::fcntl(fd, F_DUPFD_CLOEXEC, first_of_ours); }

int event(unsigned count, int flags) noexcept {
  return made([&] { return ::eventfd(count, flags | EFD_CLOEXEC); });
}

int epoll() noexcept {
  return made([] { return ::epoll_create1(EPOLL_CLOEXEC); });
}

int timer(int clock, int flags) noexcept {
  return made([&] { return ::timerfd_create(clock, flags | TFD_CLOEXEC); });
}

int signals(const sigset_t& set, int flags) noexcept {
  return made([&] { return ::signalfd(-1, &set, flags | SFD_CLOEXEC); });
}

int process(pid_t pid) noexcept {
  return made([&] { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); });
}

int memory(const char* name, unsigned flags) noexcept {
  return made([&] { return ::memfd_create(name, flags | MFD_CLOEXEC); });
}

int socket(int family, int type, int protocol) noexcept {
  return made([&] { return ::socket(family, type | SOCK_CLOEXEC, protocol); });
}

int accept(int listener, int flags) noexcept {
  return made([&] { return ::accept4(listener, nullptr, nullptr, flags | SOCK_CLOEXEC); });
}

bool pipe(std::array<int, 2>& ends, int flags) noexcept {
  const StandardNumbersHeld held;
  if (::pipe2(ends.data(), flags | O_CLOEXEC) != 0) return false;
  for (int& end : ends) end = moved_up(end);
  if (ends[0] >= 0 && ends[1] >= 0) return true;
  for (const int end : ends) {
    if (end >= 0) close_quietly(end);
  }
  return false;
}

std::FILE* stream(const char* path, const char* mode) noexcept {
  constexpr mode_t before_umask = 0666;
  const int fd = open(path, flags_of(mode), before_umask);
  if (fd < 0) return nullptr;
  std::FILE* file = ::fdopen(fd, mode);
  if (file == nullptr) close_quietly(fd);
  return file;
}

DIR* folder(const char* path) noexcept {
  const int fd = open(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return nullptr;
  DIR* listing = ::fdopendir(fd);
  if (listing == nullptr) close_quietly(fd);
  return listing;
}

void occupy_standard_numbers() noexcept {
  for (;;) {
    const int number = occupy_one(0);
    if (number < 0) return;
    if (number < first_of_ours) continue;
    ::close(number);
    return;
  }
}

}  // namespace shmbus::descriptor
