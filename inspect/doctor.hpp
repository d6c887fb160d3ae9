// What is wrong with a bus, or with the machine it runs on, and how to mend it.
//
//   examine_file   is there a usable bus at all?
//   examine_bus    does the segment hold together? A pure function of a snapshot
//   examine        examine_bus of a snapshot with all that it can judge
//   examine_host   does the machine offer what a bus needs? A pure function of the facts (host.hpp)
//
// A snapshot of a bus at work can show for a moment what would be wrong if it stayed, for example a
// lane whose caller has just left. settled() asks twice and keeps what did not go away; a bus at
// rest needs that no more than once.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/host.hpp"
#include "inspect/model.hpp"
#include "inspect/reader.hpp"

namespace shmbus::inspect {

enum class Severity : std::uint8_t {
  note,     ///< worth knowing
  warning,  ///< works, but will bite; or mends itself when somebody asks
  error,    ///< no correct participant leaves the bus like this, or it cannot be used
};
std::string_view to_string(Severity severity) noexcept;

struct Finding {
  Severity severity = Severity::note;
  std::string id;       ///< stable, e.g. "dead-participant"
  std::string subject;  ///< which one, with its generation, e.g. "participant 3.1"; may be empty
  std::string what;
  std::string mend;
};

std::vector<Finding> examine_file(const FileReport& report);
std::vector<Finding> examine_bus(const Snapshot& snapshot);
std::vector<Finding> examine_host(const HostFacts& facts);

std::vector<Finding> examine(const Reader& reader);

/// Those of `later` that stood in `earlier` too.
std::vector<Finding> persisting(const std::vector<Finding>& earlier, std::vector<Finding> later);

/// examine, twice when there is something to tell.
std::vector<Finding> settled(const Reader& reader, std::chrono::milliseconds pause);

/// The gravest first.
void sort_by_severity(std::vector<Finding>& findings);

}  // namespace shmbus::inspect
