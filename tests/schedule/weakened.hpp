// Releases, acquires and fences of the library given up, one at a time: a scene has to find each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "schedule/explorer.hpp"

namespace shmbus::schedule {

using Explore = std::function<Report(const Scene&, std::uint64_t executions)>;

/// The table of weakened.cpp, which is that of docs/memory-model.md: 0 when each is found in the
/// scene that stands there within so many executions.
int run_weakened(Scheduler& scheduler, const Explore& explore, std::uint64_t executions);

/// Prints for each place that the scenes pass in which scene giving it up is found first, with at
/// most so many executions of each. `only`: those whose text contains it.
int survey_weakened(Scheduler& scheduler, const Explore& explore, std::uint64_t executions,
                    const std::string& only);

}  // namespace shmbus::schedule
