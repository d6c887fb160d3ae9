#include "segment/scratch_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include "os/descriptor.hpp"
#include "os/file_lock.hpp"

namespace shmbus::segment {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string scratch_prefix(const std::string& path) {
  const auto slash = path.rfind('/');
  return "." + (slash == std::string::npos ? path : path.substr(slash + 1)) + ".creating-";
}

/// Removes what creators that were killed have left. One that still works holds its lock.
void remove_leftovers(const std::string& path) {
  const std::string folder = folder_of(path);
  const std::string prefix = scratch_prefix(path);
  DIR* listing = descriptor::folder(folder.c_str());
  if (listing == nullptr) return;
  while (const dirent* entry = ::readdir(listing)) {  // NOLINT: a stream of our own
    if (!std::string_view{entry->d_name}.starts_with(prefix)) continue;
    const std::string leftover = folder + "/" + entry->d_name;
    const int fd = descriptor::open(leftover.c_str(), O_RDWR | O_NONBLOCK);
    if (fd < 0) continue;
    if (liveness::try_lock(fd, 0, 1)) (void)::unlink(leftover.c_str());
    ::close(fd);
  }
  ::closedir(listing);
}

bool has_name(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_nlink != 0;
}

}  // namespace

ScratchFile::ScratchFile(int fd, std::string temporary) noexcept
    : fd_(fd), temporary_(std::move(temporary)) {}

ScratchFile::ScratchFile(ScratchFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), temporary_(std::move(other.temporary_)) {
  other.temporary_.clear();
}

ScratchFile::~ScratchFile() {
  if (!temporary_.empty()) (void)::unlink(temporary_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

Result<ScratchFile> ScratchFile::make(const Location& location) {
  const std::string folder = folder_of(location.path);
  constexpr int private_mode = 0600;
  int fd = descriptor::open(folder.c_str(), O_TMPFILE | O_RDWR, private_mode);
  if (fd >= 0) return ScratchFile(fd, {});
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
    return system_error("cannot create a file in", folder, errno);
  }
  remove_leftovers(location.path);
  constexpr int attempts = 100;
  for (int i = 0; i < attempts; ++i) {
    std::uint64_t random = 0;
    (void)::getrandom(&random, sizeof random, GRND_NONBLOCK);
    std::string name = folder + "/" + scratch_prefix(location.path) + std::to_string(random);
    fd = descriptor::open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, private_mode);
    if (fd < 0) return system_error("cannot create", name, errno);
    ScratchFile scratch(fd, std::move(name));
    // Before we had the lock, another creator may have taken the file for a leftover.
    const bool locked = liveness::try_lock(fd, 0, 1);
    if (!locked && !liveness::held_by_another(errno)) {
      return system_error("the kernel refuses to lock a byte (F_OFD_SETLK) of", location.path,
                          errno);
    }
    if (locked && has_name(fd)) return scratch;
  }
  return fail(ErrorKind::bus_unusable, "other creators keep sweeping this one's file; try again");
}

Result<bool> ScratchFile::publish(const std::string& path) {
  int result = 0;
  if (temporary_.empty()) {
    const std::string self = "/proc/self/fd/" + std::to_string(fd_);
    result = ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW);
    // Without /proc only a privileged process may name a descriptor directly.
    if (result != 0 && errno == ENOENT) {
      result = ::linkat(fd_, "", AT_FDCWD, path.c_str(), AT_EMPTY_PATH);
      if (result != 0 && errno != EEXIST) {
        return system_error("is /proc mounted? cannot name the new segment", path, errno);
      }
    }
  } else {
    result = ::link(temporary_.c_str(), path.c_str());
  }
  if (result == 0) return true;
  if (errno == EEXIST) return false;
  return system_error("cannot give the new segment its name", path, errno);
}

}  // namespace shmbus::segment
