// What the dead hold still. It is a note, since those who need it take it back; where all is over
// and was taken back, as at the end of a test, there is none.
#pragma once

#include "inspect/doctor.hpp"

namespace shmbus::inspect {

[[nodiscard]] bool left_behind(const Finding& finding);

}  // namespace shmbus::inspect
