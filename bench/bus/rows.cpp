#include "bus/rows.hpp"

#include "suites.hpp"

namespace shmbus::bench {

void register_bus(Registry& registry) {
  register_bus_calls(registry);
  register_bus_streams(registry);
  register_bus_events(registry);
  register_bus_records(registry);
  register_bus_fan_in(registry);
  register_bus_scale(registry);
  register_bus_handlers(registry);
  register_bus_contention(registry);
  register_bus_pace(registry);
  register_bus_lookup(registry);
  register_bus_death(registry);
  register_bus_cancel(registry);
  register_bus_resources(registry);
}

}  // namespace shmbus::bench
