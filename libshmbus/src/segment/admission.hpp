// Whether a file may serve this process as a bus: who owns it and whom it admits, and whether the
// liveness token works on its file system.
#pragma once

#include <string>

#include "segment/file.hpp"
#include "shmbus/error.hpp"
#include "shmbus/options.hpp"

namespace shmbus::segment {

/// A file in a folder where everybody may make one (/dev/shm) can be anybody's. not_permitted
/// unless it belongs to this process's user or to root and admits nobody beyond the mode and
/// group that are asked for, if any are, or the owner is trusted by OpenOptions::trust.
Result<void> check_owner(const FileStatus& status, const std::string& path,
                         const OpenOptions& options) noexcept;

enum class Named : bool { no, yes };  ///< whether the path leads to the file already

/// bus_unusable where the kernel would take the living for dead, or the dead for living.
Result<void> check_file_system(int fd, const std::string& path, Named named) noexcept;

}  // namespace shmbus::segment
