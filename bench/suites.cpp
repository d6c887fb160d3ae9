#include "suites.hpp"

namespace shmbus::bench {

void register_all(Registry& registry) {
  register_floor_line(registry);
  register_floor_futex(registry);
  register_floor_pace(registry);
  register_floor_buffers(registry);
  register_floor_primitives(registry);
  register_floor_rings(registry);
  register_floor_ring_variants(registry);
  register_layout(registry);
#ifdef SHMBUS_BENCH_WITH_BUS
  register_bus(registry);
#endif
  register_peers(registry);
}

}  // namespace shmbus::bench
