// The buses of this machine, as far as they can be found: those with a name lie in /dev/shm. A bus
// at a path of its own is known to its makers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inspect/model.hpp"

namespace shmbus::cli {

/// Names, sorted: what --bus takes. Of files only the name was looked at.
std::vector<std::string> names_of_buses();

struct BusRow {
  std::string name;
  std::string path;
  std::string state;  ///< "usable", or why it is not: "not permitted", "not a bus", ...
  std::uint32_t uid = 0;
  std::uint32_t mode = 0;
  std::uint64_t bytes = 0;
  bool daemon = false;
  std::uint32_t slots = 0;                             ///< participants at most
  std::vector<inspect::ParticipantInfo> participants;  ///< living
};
std::vector<BusRow> look_at_buses();

/// "users(4711), shop(4712)", cut after a few.
std::string participants_text(const BusRow& row);

/// The name of a user, or the number.
std::string user_text(std::uint32_t uid);

/// What to do about a bus that is not there: the buses that are, with the command to look at them.
std::string other_buses_text();

}  // namespace shmbus::cli
