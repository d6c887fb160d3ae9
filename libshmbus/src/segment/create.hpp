// Making a new segment. It is built without a name (O_TMPFILE), complete, all pages reserved, and
// gets its name by one link(2). A creator killed at any point therefore leaves nothing behind, and
// of several creators one wins and the others find its file.
#pragma once

#include <cstdint>

#include "layout/geometry.hpp"
#include "segment/file.hpp"
#include "shmbus/error.hpp"
#include "shmbus/options.hpp"

namespace shmbus::segment {

/// Options with every 0 replaced by its default.
layout::Capacities effective_capacities(const Capacities& wanted) noexcept;

Result<layout::Geometry> geometry_for(const Capacities& wanted);

/// Creates the segment and gives it its name. False when the name was taken in the meantime.
Result<bool> create(const Location& location, const OpenOptions& options);

/// Makes a bus of a file without bytes, or with no more than a header, that keeps its owner and
/// mode. Killed anywhere, it leaves such a file. REQUIRES: nobody has it open but those who do the
/// same, and a lock keeps these away.
Result<void> fill(int fd, const Location& location, const OpenOptions& options);

}  // namespace shmbus::segment
