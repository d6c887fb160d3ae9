// Each release, acquire and fence of the library given up, one at a time: some scene has to find
// it, or it stands in a list with the reason why it need not.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "schedule/explorer.hpp"

namespace shmbus::schedule {

using Explore = std::function<Report(const Scene&, std::uint64_t executions)>;

/// The table of weakened.cpp: 0 when each is found in the scene that stands there, and every place
/// that the scenes pass is in it, or argued.
int run_weakened(Scheduler& scheduler, const Explore& explore);

/// Prints for each place that the scenes pass in which scene giving it up is found first, with at
/// most so many executions of each. `only`: those whose text contains it.
int survey_weakened(Scheduler& scheduler, const Explore& explore, std::uint64_t executions,
                    const std::string& only);

}  // namespace shmbus::schedule
