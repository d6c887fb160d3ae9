// The rate limit of a name: one word for all callers, the time up to which the rate is used up
// (GCRA's theoretical arrival time), moved by CAS. A caller that is killed has taken its turn or
// has not.
#pragma once

#include <cstdint>

#include "layout/lane.hpp"
#include "os/clock.hpp"

namespace shmbus::policy {

/// 0: the turn is taken. Else nothing is, and so many ticks have to pass before there is one.
/// `interval`: one command in so many ticks, not 0. `burst`: how many ticks the arrival may run
/// ahead of the clock.
std::uint64_t take_turn(layout::Word64& arrival, std::uint64_t interval, std::uint64_t burst,
                        const wait::TickRate& rate) noexcept;

}  // namespace shmbus::policy
