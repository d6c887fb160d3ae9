// A file without a name, until publish() gives it one.
//
// Where the file system has no O_TMPFILE the file is `.NAME.creating-<random>` and holds a lock on
// itself while it is built; a later creator removes such files whose lock is free.
#pragma once

#include <string>

#include "segment/file.hpp"
#include "shmbus/error.hpp"

namespace shmbus::segment {

class ScratchFile {
 public:
  static Result<ScratchFile> make(const Location& location);
  ScratchFile(ScratchFile&& other) noexcept;
  ScratchFile& operator=(ScratchFile&&) = delete;
  ~ScratchFile();

  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// False when `path` exists already.
  Result<bool> publish(const std::string& path);

 private:
  ScratchFile(int fd, std::string temporary) noexcept;
  int fd_ = -1;
  std::string temporary_;  ///< empty for a file without a name
};

}  // namespace shmbus::segment
