// peer.bare_ring: a pair of hand-written rings in shared memory, without names, types, wake-ups or
// any care for a crash. What one-way rates are divided by. peer.bare_ring_small is the same ring
// with a quarter of the slots, which streams messages of a line up to twice as fast because it
// stays in L1.

#include "peers/bare_ring.hpp"

#include <string>

#include "harness/link.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

// Small enough to fill and wrap many times a round, large enough to hide a stall of the other side.
constexpr std::size_t slots_for(std::size_t bytes) {
  return bytes <= 256 ? 1024 : bytes <= 64 * 1024 ? 64 : 4;
}
constexpr std::size_t kSmallSlots = 256;

template <std::size_t Bytes>
RoundResult echo(const RoundBudget& budget) {
  return run_echo<Bytes, BareRingLink<Bytes, slots_for(Bytes)>>(budget, Isolation::processes);
}

template <std::size_t Bytes, std::size_t Slots = slots_for(Bytes)>
RoundResult stream(const RoundBudget& budget) {
  return run_stream<Bytes, BareRingLink<Bytes, Slots>>(budget, Isolation::processes);
}

// The reference of all rates, and so part of every run.
void add_reference(Registry& registry, const std::string& peer, std::size_t bytes, RunRound run) {
  registry.add({.name = "peer." + peer + ".oneway" + std::to_string(bytes),
                .payload = bytes,
                .mode = "spin",
                .unit = Unit::per_second,
                .tier = Tier::headline,
                .run_round = run});
}

}  // namespace

void register_peer_bare_ring(Registry& registry) {
  add_peer_echo(registry, "bare_ring", "rtt40", 40, "spin", echo<40>);
  add_peer_echo(registry, "bare_ring", "rtt1KiB", 1024, "spin", echo<1024>);
  add_peer_echo(registry, "bare_ring", "rtt64KiB", 64 * 1024, "spin", echo<64 * 1024>);
  add_peer_echo(registry, "bare_ring", "rtt4MiB", 4 * 1024 * 1024, "spin", echo<4 * 1024 * 1024>);
  add_reference(registry, "bare_ring", 8, stream<8>);
  add_reference(registry, "bare_ring", 32, stream<32>);
  add_reference(registry, "bare_ring", 64, stream<64>);
  add_reference(registry, "bare_ring", 256, stream<256>);
  add_reference(registry, "bare_ring_small", 32, stream<32, kSmallSlots>);
  add_reference(registry, "bare_ring_small", 64, stream<64, kSmallSlots>);
}

}  // namespace shmbus::bench
