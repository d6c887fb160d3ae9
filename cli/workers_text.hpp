// What the workers of servers do, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "inspect/snapshot.hpp"

namespace shmbus::cli {

/// "3 of 4 busy, the oldest command has run for 12.1 s".
std::string workers_text(const inspect::EndpointInfo& endpoint);
nlohmann::json workers_json(const inspect::EndpointInfo& endpoint);

/// A line for each server with workers; empty when there is none.
std::string workers_lines(const inspect::Snapshot& snapshot);
/// The same, an object for each.
nlohmann::json workers_list(const inspect::Snapshot& snapshot);

}  // namespace shmbus::cli
