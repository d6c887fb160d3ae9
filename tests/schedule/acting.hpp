// What each part of the scenes needs.
#pragma once

#include "os/futex.hpp"
#include "schedule/stage.hpp"

namespace shmbus::schedule::parts {

inline constexpr std::uint64_t moment_ns = 2'000'000;
inline constexpr CallerOptions patient{.when_vacant = WhenVacant::wait};

inline Scheduler& here() { return Stage::the().scheduler(); }
inline void nap() { wait::pause_for(moment_ns); }
inline void raise(Stage::Flag flag) { Stage::the().flags[flag] = 1; }
inline void await(Stage::Flag flag) {
  while (Stage::the().flags[flag] == 0) nap();
}

}  // namespace shmbus::schedule::parts
