// Which callers may have a host load code: decided by the uid of the caller, refused by default.
//
// On a bus that only its owner can open, every caller is that user, or root. On any other, a
// process that can write to the segment can also claim another uid there: `reload` is refused,
// unless users were named (--reload-by); a caller's claim is then compared with what the kernel
// says of its process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shmbus/context.hpp"

namespace shmbus::cli::host {

class Permission {
 public:
  /// `bus_path` is the file of the bus; `named` are the users of --reload-by, by name or number.
  /// Throws a UsageError when there is no such user.
  Permission(const std::string& bus_path, const std::vector<std::string>& named);

  /// Empty, or why this caller may not, for that caller.
  [[nodiscard]] std::string refusal_of(const CallerInfo& caller) const;

 private:
  std::vector<std::uint32_t> uids_;
  bool claims_are_proven_ = false;  ///< by the permissions of the file
};

}  // namespace shmbus::cli::host
