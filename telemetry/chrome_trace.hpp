// Spans as a trace file that https://ui.perfetto.dev and chrome://tracing open: Chrome's JSON trace
// events. A process is a process; within it, spans that overlap without one being inside the other
// get rows of their own. Arrows lead from calls to their handlers.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "inspect/spans.hpp"

namespace shmbus::telemetry {

[[nodiscard]] nlohmann::ordered_json chrome_trace(std::vector<inspect::SpanInfo> spans);

}  // namespace shmbus::telemetry
