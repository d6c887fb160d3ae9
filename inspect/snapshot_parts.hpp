// The steps of a snapshot, one for each kind of structure. Each appends to the snapshot; slots come
// first, since everything else is judged by them, names last, since they point at the rest.
#pragma once

#include <vector>

#include "inspect/model.hpp"
#include "inspect/reader.hpp"

namespace shmbus::inspect {

/// A slot of an inbox may be this many laps away from the head before it counts as implausible:
/// head and slots are read at different moments, and tickets go on meanwhile.
inline constexpr std::uint32_t inbox_slack_laps = 16;

void read_participants(const Reader& reader, Snapshot& out);
void read_endpoints(const Reader& reader, Snapshot& out);
/// `depth_by_name[i]`: commands of name record i that wait or are under way.
void read_lanes(const Reader& reader, Snapshot& out, std::vector<std::uint32_t>& depth_by_name);
void read_extents(const Reader& reader, Snapshot& out);
/// After the names.
void read_topics(const Reader& reader, Snapshot& out);
void read_names(const Reader& reader, Snapshot& out,
                const std::vector<std::uint32_t>& depth_by_name);

}  // namespace shmbus::inspect
