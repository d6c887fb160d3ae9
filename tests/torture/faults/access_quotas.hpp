// One user that takes all it can get, while another and root go on.
#pragma once

#include <chrono>

#include "torture/faults/tally.hpp"

namespace shmbus::torture {

/// REQUIRES: root, who may become others. `length`: of each of the five quotas.
void quotas_hold(Tally& tally, std::chrono::milliseconds length);

}  // namespace shmbus::torture
