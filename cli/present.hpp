// What an inspection saw, as JSON and as cells of a table. The shape of the JSON is part of the
// tool's interface: fields are added, never renamed.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/output.hpp"
#include "inspect/doctor.hpp"
#include "inspect/model.hpp"
#include "inspect/rows.hpp"

namespace shmbus::cli {

std::string_view to_string(inspect::NameState state) noexcept;
Cell state_cell(inspect::NameState state);
/// "-" while there is nothing to tell.
std::string quantile_text(const stats::Counts& counts, double share);

nlohmann::json bus_json(const inspect::Snapshot& snapshot);
nlohmann::json topic_json(const inspect::TopicInfo& topic);
nlohmann::json name_json(const inspect::NameInfo& name, double per_s);
nlohmann::json participant_json(const inspect::ParticipantInfo& info);
nlohmann::json finding_json(const inspect::Finding& finding);
nlohmann::json latency_json(const stats::Counts& counts);
nlohmann::json capacities_json(const layout::Capacities& capacities);

/// "/dev/shm/shmbus.default  5.8 MiB  3 participants  daemon running"
std::string summary_line(const inspect::Snapshot& snapshot);

}  // namespace shmbus::cli
