// The processes beside an operation on events, to be run in children. They return exit codes.
#pragma once

#include "torture/step/world.hpp"

namespace shmbus::torture {

inline constexpr const char* topic_name = "tick";
/// Slots of 128 B: thirty fit, and a publisher looks for free ones after each fifteen or so.
inline constexpr PublisherOptions tick_options{.keep = 4, .event_bytes = 112};
inline constexpr std::uint64_t laps = 70;  ///< so many events use each slot again

/// Publishes the next event of `from`. The book says so when it is there.
bool publish_next(World& world, std::uint64_t from, RawPublisher& out,
                  Duration timeout = default_timeout);
/// Writes down an event. `holds`: there may be no gap.
void hear(HeardEvents& heard, const EventView& event, bool holds);

int hold_beside(World& world, WaitMode wait);
int skip_beside(World& world, WaitMode wait);  ///< mid-step, it stops while it looks at an event
int publish_beside(World& world);              ///< mid-step, it stops while it takes slots back
int die_after_publishing(World& world);
int die_holding(World& world);
int die_with_all_lanes(World& world);
int die_making_a_lane(World& world);  ///< for a reclaimer to stop at
int reclaim_and_stop_there(World& world);
int publish_afresh(World& world);  ///< a full lap, and reads the last value
int take_all_lanes(World& world);  ///< for another name, and gives them back: frees what is left

}  // namespace shmbus::torture
