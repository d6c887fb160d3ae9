// A segment's file, opened once.
//
// One open file description serves for everything that must speak of the same file: the header is
// read through it, the liveness token is taken on it, and the mapping is made from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shmbus/error.hpp"

namespace shmbus::segment {

/// Where a bus lives: `name` in /dev/shm when it has no '/', else the path itself.
struct Location {
  std::string path;      ///< absolute or relative path of the file
  std::string shm_name;  ///< name for shm_open; empty for a path
};

Result<Location> locate(std::string_view name_or_path);

struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) noexcept = default;
};

/// An open file description; closing the descriptor leaves a mapping made from it alive.
class File {
 public:
  File() noexcept;
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  /// An empty File when there is no such file. A symbolic link that leads nowhere is an error.
  static Result<File> open(const Location& location);

  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

/// Identity, size, owner and permissions of an open file.
struct FileStatus {
  FileId id;
  std::uint64_t bytes = 0;
  bool regular = false;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mode = 0;  ///< the permission bits alone
};
Result<FileStatus> status_of(int fd);

/// Identity of whatever `path` names now; inode 0 when nothing.
FileId id_of(const std::string& path);

/// A path as an error shows it: the end of a long one, so that what follows has room.
FixedText<84> shown_end(std::string_view path) noexcept;

/// "cannot open /dev/shm/x: Permission denied", with the kind that fits errno.
tl::unexpected<Error> system_error(std::string_view what, std::string_view path, int error_number);

}  // namespace shmbus::segment
