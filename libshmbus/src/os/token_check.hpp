// Whether the liveness token works on a file: an open-file-description lock that lasts exactly as
// long as a mapping made from the description. That is a property of the file system and of the
// kernel. On overlayfs, for example, a mapping keeps another description than the one that was
// opened, so the lock goes with the descriptor and the living would be taken for dead.
//
// So it is tried, at each open and before anybody is judged: lock a byte that nobody uses, map,
// close, and ask from a second description.
#pragma once

#include <cstdint>

namespace shmbus::liveness {

enum class TokenTrial : std::uint8_t {
  holds,
  lost,      ///< the lock was gone while the mapping stood
  stuck,     ///< the lock was held after the mapping had gone: deaths would not be noticed
  no_locks,  ///< the kernel refused the lock; errno says why
  untried,   ///< no further description of the file could be opened; errno says why
};

struct TokenCheck {
  TokenTrial trial = TokenTrial::untried;
  int error_number = 0;
};

/// `fd`: of the file, open for reading and writing. `path` leads to it and serves where /proc is
/// not mounted; may be null. Some ten microseconds.
TokenCheck check_token(int fd, const char* path) noexcept;

}  // namespace shmbus::liveness
