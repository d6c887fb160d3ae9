// Bare rings (peers/bare_ring.hpp) at each size, as what calls and one-way commands of that size
// are held against.
//
//   floor.ring.<size>           one-way: the better of many slots and few, which stay in L1
//   floor.ring.each32nd.<size>  the same ring when it publishes each 32nd message alone, as Tachyon
//                               does by itself: until then nobody sees them
//   floor.rings.<size>          calls: a ring for requests and one for replies

#include <algorithm>
#include <string>

#include "harness/link.hpp"
#include "peers/bare_ring.hpp"
#include "suites.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kManySlots = 1024;
constexpr std::size_t kFewSlots = 256;
constexpr unsigned kSeldom = 32;

template <std::size_t Bytes, unsigned PublishEach>
RoundResult run_best_ring(const RoundBudget& budget) {
  RoundBudget half = budget;
  half.measure_ns /= 2;
  half.warmup_ns /= 2;
  RoundResult many = run_stream<Bytes, BareRingLink<Bytes, kManySlots, 128, PublishEach>>(
      half, Isolation::processes);
  RoundResult few = run_stream<Bytes, BareRingLink<Bytes, kFewSlots, 128, PublishEach>>(
      half, Isolation::processes);
  if (many.status != RoundResult::Status::ok) {
    return many;
  }
  few.core_wait_ns += many.core_wait_ns;
  few.value = std::max(few.value, many.value);
  return few;
}

template <std::size_t Bytes>
void add_stream(Registry& registry, Tier tier) {
  registry.add({.name = "floor.ring." + std::to_string(Bytes) + "B",
                .payload = Bytes,
                .mode = "spin",
                .unit = Unit::per_second,
                .tier = tier,
                .run_round = run_best_ring<Bytes, 1>});
}

template <std::size_t Bytes>
void add_seldom(Registry& registry) {
  registry.add({.name = "floor.ring.each32nd." + std::to_string(Bytes) + "B",
                .payload = Bytes,
                .mode = "spin",
                .unit = Unit::per_second,
                .ratio_to = "floor.ring." + std::to_string(Bytes) + "B",
                .tier = Tier::headline,
                .run_round = run_best_ring<Bytes, kSeldom>});
}

template <std::size_t Bytes>
void add_calls(Registry& registry) {
  registry.add({.name = "floor.rings." + std::to_string(Bytes) + "B",
                .payload = Bytes,
                .mode = "spin",
                .tier = Tier::detail,
                .run_round = [](const RoundBudget& budget) {
                  return run_echo<Bytes, BareRingLink<Bytes, kManySlots>>(budget,
                                                                          Isolation::processes);
                }});
}

template <std::size_t... Bytes>
void add_sizes(Registry& registry) {
  (add_stream<Bytes>(registry, Bytes == 32 || Bytes == 64 ? Tier::headline : Tier::detail), ...);
  (add_calls<Bytes>(registry), ...);
}

}  // namespace

void register_floor_rings(Registry& registry) {
  add_sizes<8, 24, 32, 40, 48, 64, 88, 96, 128, 192, 256, 384, 512, 768, 1024>(registry);
  add_seldom<32>(registry);
  add_seldom<64>(registry);
}

}  // namespace shmbus::bench
