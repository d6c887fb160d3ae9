// Names that several handlers serve, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "inspect/snapshot.hpp"

namespace shmbus::cli {

/// Which callers the canary gets: "10 %", "label batch", "nobody".
std::string canary_share(const inspect::NameInfo& name);
/// "users" for one owner, "users, +2" for a group of three.
std::string owners_cell(const inspect::NameInfo& name);
nlohmann::json members_json(const inspect::NameInfo& name);
/// Nothing for a name of one owner.
void print_members(const inspect::NameInfo& name);

}  // namespace shmbus::cli
