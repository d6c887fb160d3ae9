// peer.bare_ring: a pair of hand-written rings in shared memory, without names, types, wake-ups or
// any care for a crash. What one-way rates are divided by. peer.bare_ring_small is the same ring
// with a quarter of the slots, which streams messages of a line up to twice as fast because it
// stays in L1.

#include "peers/bare_ring.hpp"

#include <string>

#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

// Small enough to fill and wrap many times a round, large enough to hide a stall of the other side.
constexpr std::size_t slots_for(std::size_t bytes) {
  return bytes <= 256 ? 1024 : bytes <= 64 * 1024 ? 64 : 4;
}
constexpr std::size_t kSmallSlots = 256;

template <std::size_t Bytes>
using Ring = BareRingLink<Bytes, slots_for(Bytes)>;

// The reference of all rates, and so part of every run.
template <std::size_t Bytes, std::size_t Slots>
void add_reference(Registry& registry, const std::string& peer) {
  registry.add({.name = "peer." + peer + ".oneway" + std::to_string(Bytes),
                .payload = Bytes,
                .mode = "spin",
                .unit = Unit::per_second,
                .tier = Tier::headline,
                .run_round = [](const RoundBudget& budget) {
                  return run_stream<Bytes, BareRingLink<Bytes, Slots>>(budget,
                                                                       Isolation::processes);
                }});
}

}  // namespace

void register_peer_bare_ring(Registry& registry) {
  auto rows = register_sized_link<Ring>(registry, "bare_ring");
  rows.echo<40, 1024, 64 * 1024, 4 * 1024 * 1024>("spin");
  add_reference<8, slots_for(8)>(registry, "bare_ring");
  add_reference<32, slots_for(32)>(registry, "bare_ring");
  add_reference<64, slots_for(64)>(registry, "bare_ring");
  add_reference<256, slots_for(256)>(registry, "bare_ring");
  add_reference<32, kSmallSlots>(registry, "bare_ring_small");
  add_reference<64, kSmallSlots>(registry, "bare_ring_small");
}

}  // namespace shmbus::bench
