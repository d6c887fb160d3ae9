// What can be had out of a damaged spool: `shmbus-spool --repair`.
#pragma once

#include <cstdint>
#include <string>

#include "shmbus/error.hpp"

namespace shmbus::spool {

struct Repaired {
  std::uint64_t copied = 0;   ///< rows whose checksum fits
  std::uint64_t spoiled = 0;  ///< rows that were readable, and whose checksum does not
  bool all_read = false;      ///< false: SQLite could not read on somewhere; more may be lost
  bool resumed = false;       ///< an interrupted one was completed; the above are not known
  std::string kept;           ///< where the damaged file is now
};

/// Makes a new file of the rows that are sound, and puts it in the place of the damaged one, which
/// is kept under another name, with its -wal. overloaded: another process has it open. Where
/// nothing can be read the file is left as it is. Killed at any step it is completed by the next
/// one, and no spool opens the file before that.
Result<Repaired> repair(const std::string& path);

}  // namespace shmbus::spool
