// The counters of a bus in the text format of Prometheus, version 0.0.4. Names and units follow its
// conventions: base units, _total for what only grows, histograms with cumulative buckets.
// docs/observability.md says what each one means.
#pragma once

#include <string>

#include "daemon/span_counts.hpp"
#include "inspect/reader.hpp"

namespace shmbus::daemon {

/// Everything, as of now. Reads the segment, and of spans what this daemon did with them; nullptr
/// when it exports none.
std::string metrics_text(const inspect::Reader& reader, const SpanCounts* spans);

}  // namespace shmbus::daemon
