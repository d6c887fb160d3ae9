// How many commands of a name are under way, counted in the lanes themselves: published, and
// neither answered nor finished. There is no counter that the dead could leave too high; what a
// killed caller had sent counts for as long as it may still run.
#pragma once

#include <cstdint>

#include "segment/view.hpp"

namespace shmbus::policy {

/// In one lane. Stops at `enough`.
std::uint32_t outstanding_in(const segment::View& view, std::uint32_t lane, std::uint32_t record,
                             std::uint32_t enough) noexcept;

/// In all lanes. Stops at `enough`. Costs a load for every cell of every lane in use.
std::uint32_t outstanding_of(const segment::View& view, std::uint32_t record,
                             std::uint32_t enough) noexcept;

}  // namespace shmbus::policy
