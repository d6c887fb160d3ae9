// One-way commands: sizes, batches, and the choices that only a stream can tell apart.

#include <string>

#include "bus/rows.hpp"
#include "bus/stream.hpp"

namespace shmbus::bench {
namespace {

struct Row {
  std::string name;
  std::string ratio_to;
  Tier tier = Tier::detail;
  const char* mode = "spin";
};

template <std::size_t Bytes>
void add(Registry& registry, const Row& row, const StreamPlan& plan = {}) {
  registry.add({.name = row.name,
                .payload = Bytes,
                .mode = row.mode,
                .unit = Unit::per_second,
                .ratio_to = row.ratio_to,
                .tier = row.tier,
                .run_round = [plan](const RoundBudget& budget) {
                  return run_bus_stream<Bytes>(budget, plan);
                }});
}

}  // namespace

void register_bus_streams(Registry& registry) {
  add<32>(registry, {"oneway.1p.32B", "floor.ring.32B", Tier::headline});
  add<64>(registry, {"oneway.1p.64B", "floor.ring.64B", Tier::headline});
  add<8>(registry, {"oneway.1p.8B", "floor.ring.8B"});
  add<40>(registry, {"oneway.1p.40B", "floor.ring.32B"});
  add<256>(registry, {"oneway.1p.256B", "floor.ring.256B"});
  add<1024>(registry, {"oneway.1p.1KiB", "floor.ring.1024B"});
  add<64>(registry, {"oneway.loan.64B", "floor.ring.64B"}, {.loaned = true});
  add<256>(registry, {"oneway.loan.256B", "floor.ring.256B"}, {.loaned = true});
  add<1024>(registry, {"oneway.loan.1KiB", "floor.ring.1024B"}, {.loaned = true});
  add<64 * 1024>(registry, {"oneway.loan.64KiB", ""}, {.loaned = true});
  add<4 * 1024 * 1024>(
      registry, {"oneway.loan.4MiB", ""},
      {.capacities = {.extents = 64, .extent_bytes = 1024 * 1024}, .loaned = true});

  add<32>(registry, {"oneway.batch8.32B", "floor.ring.32B"}, {.batch = 8});
  add<32>(registry, {"oneway.batch64.32B", "floor.ring.32B", Tier::headline}, {.batch = 64});

  add<32>(registry, {"oneway.many.32B", "floor.ring.32B", Tier::headline}, {.many = 32});
  add<64>(registry, {"oneway.many.64B", "floor.ring.64B", Tier::headline}, {.many = 32});
  add<32>(registry, {"oneway.many.on_batch.32B", "floor.ring.32B", Tier::headline},
          {.many = 32, .on_batch = true});
  add<32>(registry, {"oneway.on_batch.32B", "floor.ring.32B"}, {.on_batch = true});
  for (const unsigned many : {4U, 8U, 16U, 64U}) {
    add<32>(registry, {"oneway.many" + std::to_string(many) + ".32B", "oneway.many.32B"},
            {.many = many});
  }
  for (const std::uint32_t cells : {256U, 1024U}) {
    add<32>(registry, {"oneway.many.cells" + std::to_string(cells) + ".32B", "oneway.many.32B"},
            {.capacities = {.cells_per_lane = cells}, .many = 32});
  }

  add<32>(registry, {"design.fence.membarrier", "oneway.1p.32B"});
  add<32>(registry, {"design.fence.each", "design.fence.membarrier"}, {.always_fence = true});
  for (const std::uint32_t cells : {16U, 64U, 256U}) {
    add<32>(registry,
            {"design.cells." + std::to_string(cells), cells == 64 ? "" : "design.cells.64"},
            {.capacities = {.cells_per_lane = cells}});
  }
}

}  // namespace shmbus::bench
