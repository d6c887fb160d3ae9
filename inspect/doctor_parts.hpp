// The checks behind examine_bus, by what they look at. Each appends what it finds.
#pragma once

#include "inspect/doctor.hpp"

namespace shmbus::inspect {

void check_handovers(const Snapshot& snapshot, std::vector<Finding>& out);
void check_endpoints(const Snapshot& snapshot, std::vector<Finding>& out);
void check_lanes(const Snapshot& snapshot, std::vector<Finding>& out);
void check_extents(const Snapshot& snapshot, std::vector<Finding>& out);
void check_topics(const Snapshot& snapshot, std::vector<Finding>& out);
void check_names(const Snapshot& snapshot, std::vector<Finding>& out);
void check_policies(const Snapshot& snapshot, std::vector<Finding>& out);
void check_recorder(const Snapshot& snapshot, std::vector<Finding>& out);

/// "participant 3.1": the slot and the generation that holds it.
std::string party_text(layout::ParticipantId party);

/// A count with its noun: "1 lane", "2 lanes".
std::string counted(std::uint64_t count, std::string_view noun);

/// What to do about bytes that no correct participant writes.
inline constexpr std::string_view mend_corruption =
    "a participant wrote where it must not: stop all of them, `shmbus rm`, start again, and report "
    "it with `shmbus layout --json` and this finding";
inline constexpr std::string_view mend_dead =
    "`shmbus gc` takes it back; a running shmbusd does so within a millisecond";

}  // namespace shmbus::inspect
