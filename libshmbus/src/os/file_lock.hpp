// Open-file-description locks on byte ranges (F_OFD_SETLK). They belong to the description, not to
// the process: closing another descriptor of the same file leaves them alone, which the older
// F_SETLK does not.
#pragma once

#include <cstdint>

namespace shmbus::liveness {

/// Takes a write lock without waiting.
bool try_lock(int fd, std::int64_t offset, std::int64_t bytes) noexcept;
void unlock(int fd, std::int64_t offset, std::int64_t bytes) noexcept;

enum class LockState : std::uint8_t {
  free,
  held,     ///< by another description
  unknown,  ///< the descriptor cannot tell
};
LockState query_lock(int fd, std::int64_t offset, std::int64_t bytes) noexcept;

}  // namespace shmbus::liveness
