// Which kind of file system a file lies on.
#pragma once

#include <cstdint>
#include <string_view>

namespace shmbus::file_system {

struct Kind {
  std::string_view name;  ///< "tmpfs", "overlayfs"...; "of type 0x..." is the caller's to say
  /// Its pages come from another machine or from a process: what participants store need not be
  /// seen by each other, and they would wait for somebody who is not on the bus.
  bool remote = false;
  std::uint64_t type = 0;  ///< f_type of statfs
};

/// An empty name for one that is not known here, or when the kernel does not say.
Kind kind_of(int fd) noexcept;
Kind kind_of_type(std::uint64_t type) noexcept;

}  // namespace shmbus::file_system
