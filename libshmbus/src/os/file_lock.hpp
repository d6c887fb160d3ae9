// Open-file-description locks on byte ranges (F_OFD_SETLK). They belong to the description, not to
// the process: closing another descriptor of the same file leaves them alone, which the older
// F_SETLK does not.
#pragma once

#include <cerrno>
#include <cstdint>

namespace shmbus::liveness {

/// Takes a write lock without waiting. False with errno: see held_by_another().
bool try_lock(int fd, std::int64_t offset, std::int64_t bytes) noexcept;
/// Whether a lock was refused because another description holds it, and not for another reason. For
/// these locks Linux says EAGAIN only; EACCES, which POSIX allows too, comes from a security module
/// (an AppArmor profile without `k`, an SELinux policy without `lock`).
constexpr bool held_by_another(int error_number) noexcept { return error_number == EAGAIN; }
void unlock(int fd, std::int64_t offset, std::int64_t bytes) noexcept;

enum class LockState : std::uint8_t {
  free,
  held,     ///< by another description
  unknown,  ///< the descriptor cannot tell
};
LockState query_lock(int fd, std::int64_t offset, std::int64_t bytes) noexcept;

}  // namespace shmbus::liveness
