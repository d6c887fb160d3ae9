// What the metrics page shows of each event: who publishes and reads it, and who is behind.
#pragma once

#include "daemon/metrics_page.hpp"
#include "inspect/model.hpp"

namespace shmbus::daemon {

void write_events(Page& page, const inspect::Snapshot& snapshot);

}  // namespace shmbus::daemon
