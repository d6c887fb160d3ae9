#include "segment/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "os/descriptor.hpp"

namespace shmbus::segment {

namespace {

constexpr std::string_view shm_prefix = "shmbus.";
constexpr std::size_t name_bytes_max = 200;

bool plain_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= name_bytes_max && name != "." && name != ".." &&
         name.find('\0') == std::string_view::npos;
}

bool is_link(const std::string& path) noexcept {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

tl::unexpected<Error> bad_link(const Location& location) noexcept {
  Error error{ErrorKind::bus_unusable, ENOENT, 0, {}};
  error.message.append(shown_end(location.path).view());
  if (location.shm_name.empty()) {
    error.message.append(
        " is a symbolic link to a file that does not exist: remove the link, or "
        "name the file that it should lead to");
  } else {
    error.code = ELOOP;
    error.message.append(
        " is a symbolic link, which is not followed in /dev/shm: remove it, or "
        "name the file that it leads to");
  }
  return tl::unexpected<Error>(error);
}

}  // namespace

Result<Location> locate(std::string_view name_or_path) {
  if (name_or_path.find('/') != std::string_view::npos) {
    if (name_or_path.back() == '/' || name_or_path.find('\0') != std::string_view::npos) {
      return fail(ErrorKind::invalid_argument, "a bus path must name a file, not a folder");
    }
    return Location{std::string(name_or_path), {}};
  }
  if (!plain_name(name_or_path)) {
    return fail(ErrorKind::invalid_argument,
                "a bus needs a name of 1 to 200 bytes, or a path with a '/'");
  }
  std::string shm_name = std::string(shm_prefix).append(name_or_path);
  return Location{"/dev/shm/" + shm_name, shm_name};
}

File::File() noexcept = default;
File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<File> File::open(const Location& location) {
  // A link in /dev/shm, where everybody may make one, is not followed. O_NONBLOCK: a fifo of that
  // name must not hold us up.
  const int links = location.shm_name.empty() ? 0 : O_NOFOLLOW;
  File file;
  file.fd_ = descriptor::open(location.path.c_str(), O_RDWR | O_NONBLOCK | O_NOCTTY | links);
  if (file.valid()) return file;
  const int error_number = errno;
  const bool link = is_link(location.path);
  if (error_number == ENOENT && !link) return File{};
  if (link && (error_number == ENOENT || links != 0)) return bad_link(location);
  return system_error("cannot open", location.path, error_number);
}

Result<FileStatus> status_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error("cannot read the status of", "", errno);
  constexpr mode_t permissions = 0777;
  return FileStatus{{status.st_dev, status.st_ino},
                    static_cast<std::uint64_t>(status.st_size),
                    S_ISREG(status.st_mode),
                    status.st_uid,
                    status.st_gid,
                    status.st_mode & permissions};
}

FileId id_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

FixedText<84> shown_end(std::string_view path) noexcept {
  constexpr std::size_t shown_max = 80;
  FixedText<84> text;
  if (path.size() > shown_max) text.append("...");
  return text.append(path.size() > shown_max ? path.substr(path.size() - shown_max) : path);
}

tl::unexpected<Error> system_error(std::string_view what, std::string_view path, int error_number) {
  const bool denied = error_number == EACCES || error_number == EPERM || error_number == EROFS;
  Error error{denied ? ErrorKind::not_permitted : ErrorKind::bus_unusable, error_number, 0, {}};
  char text[128];                         // NOLINT: the shape strerror_r wants
  constexpr std::size_t shown_max = 120;  // the reason must fit behind it
  const bool cut = path.size() > shown_max;
  error.message.append(what).append(cut ? " ..." : " ");
  error.message.append(cut ? path.substr(path.size() - shown_max) : path)
      .append(": ")
      .append(std::string_view{::strerror_r(error_number, text, sizeof text)});
  if (denied) error.message.append("; ask its owner for a mode or group that admits you");
  return tl::unexpected<Error>(error);
}

}  // namespace shmbus::segment
