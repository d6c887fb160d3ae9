// What the metrics page shows of each command: how it fares, who shares it, and what its policy
// did.
#pragma once

#include "daemon/metrics_page.hpp"
#include "inspect/model.hpp"
#include "inspect/reader.hpp"

namespace shmbus::daemon {

void write_commands(Page& page, const inspect::Reader& reader, const inspect::Snapshot& snapshot);

}  // namespace shmbus::daemon
