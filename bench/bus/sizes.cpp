// The cost of a command by its size, by value: nothing that users send should cost a step. Each
// size beside a bare ring, or a pair of them, of the same size.

#include <string>

#include "bus/echo.hpp"
#include "bus/rows.hpp"
#include "bus/stream.hpp"

namespace shmbus::bench {
namespace {

template <std::size_t Bytes>
void add(Registry& registry) {
  const std::string size = std::to_string(Bytes) + "B";
  registry.add({.name = "call.size." + size,
                .payload = Bytes,
                .mode = "spin",
                .ratio_to = "floor.rings." + size,
                .tier = Tier::detail,
                .run_round = [](const RoundBudget& budget) {
                  return run_bus_echo<Bytes, Passing::by_value>(budget, {});
                }});
  registry.add(
      {.name = "oneway.size." + size,
       .payload = Bytes,
       .mode = "spin",
       .unit = Unit::per_second,
       .ratio_to = "floor.ring." + size,
       .tier = Tier::detail,
       .run_round = [](const RoundBudget& budget) { return run_bus_stream<Bytes>(budget, {}); }});
}

template <std::size_t... Bytes>
void add_all(Registry& registry) {
  (add<Bytes>(registry), ...);
}

}  // namespace

void register_bus_sizes(Registry& registry) {
  add_all<8, 24, 40, 48, 64, 88, 96, 128, 192, 256, 384, 512, 768, 1024>(registry);
}

}  // namespace shmbus::bench
