// The counters of a bus in the text format of Prometheus, version 0.0.4. Names and units follow its
// conventions: base units, _total for what only grows, histograms with cumulative buckets.
// docs/observability.md says what each one means.
#pragma once

#include <string>
#include <string_view>

#include "inspect/reader.hpp"

namespace shmbus::daemon {

/// Everything, as of now. Reads the segment and nothing else.
std::string metrics_text(const inspect::Reader& reader);

/// A label's value between its quotes. Names come from the segment: whatever is not printable ASCII
/// is written as \xNN, so that no peer can break the format or the scraper's idea of UTF-8.
std::string label_value(std::string_view text);

}  // namespace shmbus::daemon
