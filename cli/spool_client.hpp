// Asks the spool of a bus, for `shmbus spool` and the doctor.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/app.hpp"
#include "inspect/doctor.hpp"
#include "shmbus/bus.hpp"
#include "shmbus/spool/commands.hpp"

namespace shmbus::cli {

/// Its answer to spool.stat. Throws Failure.
nlohmann::json spool_stat(Bus& bus, Duration timeout);
/// {"commands":[...],"more":...}: one page of what `request` asks for.
nlohmann::json spool_page(Bus& bus, const SpoolListRequest& request);

/// What the spool of this bus should be looked at for; nothing when the bus has none.
std::vector<inspect::Finding> spool_findings(const std::string& bus);

}  // namespace shmbus::cli
