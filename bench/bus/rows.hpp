#pragma once
// The groups of rows about the bus itself. All go through the public interface, in processes of
// their own, on a bus of their own.

#include "harness/registry.hpp"

namespace shmbus::bench {

void register_bus_calls(Registry& registry);
void register_bus_streams(Registry& registry);
void register_bus_events(Registry& registry);
void register_bus_records(Registry& registry);
void register_bus_fan_in(Registry& registry);
void register_bus_scale(Registry& registry);
void register_bus_handlers(Registry& registry);
void register_bus_contention(Registry& registry);
void register_bus_pace(Registry& registry);
void register_bus_lookup(Registry& registry);
void register_bus_death(Registry& registry);
void register_bus_cancel(Registry& registry);
void register_bus_resources(Registry& registry);

}  // namespace shmbus::bench
