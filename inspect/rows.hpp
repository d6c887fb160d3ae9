// What happened between two snapshots, by command and by process. Nothing is reset on the bus; the
// earlier snapshot is the baseline.
#pragma once

#include <cstdint>
#include <vector>

#include "inspect/model.hpp"

namespace shmbus::inspect {

struct CommandRow {
  const NameInfo* now = nullptr;  ///< in the later snapshot
  double per_s = 0;
  double errors_per_s = 0;
  stats::Counts service;
};

/// A participant: what it called and what it served.
struct ProcessRow {
  const ParticipantInfo* now = nullptr;
  double calls_per_s = 0;  ///< calls and one-way commands that it made
  double errors_per_s = 0;
  double served_per_s = 0;
  double parks_per_s = 0;       ///< how often its handlers fell asleep
  std::uint64_t waiting = 0;    ///< commands at its endpoints: waiting or under way
  std::uint64_t under_way = 0;  ///< its own commands that are not answered yet
  stats::Counts round_trip;
};

std::vector<CommandRow> command_rows(const Snapshot& before, const Snapshot& now);
std::vector<ProcessRow> process_rows(const Snapshot& before, const Snapshot& now);

/// Commands per second of each name of `now` since `before`, by position.
std::vector<double> rates_between(const Snapshot& before, const Snapshot& now);

/// The same name in another snapshot; null when it had none yet.
const NameInfo* same_name(const Snapshot& in, const NameInfo& name);

/// A leased record may be on its way to its name; only a published one counts.
bool is_published(const NameInfo& name) noexcept;

}  // namespace shmbus::inspect
