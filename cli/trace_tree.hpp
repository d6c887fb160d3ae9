// Traces as text: one tree for each, with who, when and how long.
#pragma once

#include <string>
#include <vector>

#include "inspect/spans.hpp"

namespace shmbus::cli {

/// The oldest trace first. A span whose parent is not there (its process was killed, or it was
/// overwritten) stands at the outermost level, marked.
[[nodiscard]] std::string trace_trees(std::vector<inspect::SpanInfo> spans);

}  // namespace shmbus::cli
