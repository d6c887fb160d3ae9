#include "segment/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "segment/file_object.hpp"

namespace shmbus::segment {

namespace bip = boost::interprocess;

namespace {

constexpr std::string_view shm_prefix = "shmbus.";
constexpr std::size_t name_bytes_max = 200;

bool plain_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= name_bytes_max && name != "." && name != ".." &&
         name.find('\0') == std::string_view::npos;
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
File::File(File&& other) noexcept = default;
File& File::operator=(File&& other) noexcept = default;
File::~File() = default;

Result<File> File::open(const Location& location) {
  try {
    File file;
    file.object_ = std::make_unique<Object>();
    if (location.shm_name.empty()) {
      file.object_->file = bip::file_mapping(location.path.c_str(), bip::read_write);
    } else {
      file.object_->shared_memory =
          bip::shared_memory_object(bip::open_only, location.shm_name.c_str(), bip::read_write);
    }
    // Boost opens without O_CLOEXEC; a token must not outlive exec.
    (void)::fcntl(file.fd(), F_SETFD, FD_CLOEXEC);
    return file;
  } catch (const bip::interprocess_exception& e) {
    const int error_number = e.get_native_error();
    if (error_number == ENOENT) return File{};
    return system_error("cannot open", location.path, error_number);
  } catch (const std::exception& e) {
    return fail(ErrorKind::bus_unusable, e.what(), ENOMEM);
  }
}

int File::fd() const noexcept {
  if (!object_) return -1;
  const auto shared = object_->shared_memory.get_mapping_handle().handle;
  return shared >= 0 ? shared : object_->file.get_mapping_handle().handle;
}

Result<FileStatus> status_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error("cannot read the status of", "", errno);
  return FileStatus{{status.st_dev, status.st_ino},
                    static_cast<std::uint64_t>(status.st_size),
                    S_ISREG(status.st_mode),
                    status.st_uid};
}

FileId id_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
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
