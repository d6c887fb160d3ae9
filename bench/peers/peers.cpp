#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

std::string floor_of(std::size_t bytes, const std::string& mode) {
  if (bytes <= 40) {
    return mode == "block" ? "floor.futex" : "floor.line";
  }
  return bytes <= 1024 ? "floor.1KiB" : bytes <= 64 * 1024 ? "floor.64KiB" : "floor.4MiB";
}

}  // namespace

void add_peer_echo(Registry& registry, const std::string& peer, const std::string& measurement,
                   std::size_t bytes, const std::string& mode, RunRound run) {
  registry.add({.name = "peer." + peer + "." + measurement,
                .payload = bytes,
                .mode = mode,
                .ratio_to = floor_of(bytes, mode),
                .tier = Tier::peer,
                .run_round = run});
}

void add_peer_stream(Registry& registry, const std::string& peer, std::size_t bytes,
                     const std::string& mode, RunRound run) {
  registry.add({.name = "peer." + peer + ".oneway" + std::to_string(bytes),
                .payload = bytes,
                .mode = mode,
                .unit = Unit::per_second,
                .ratio_to = "peer.bare_ring.oneway" + std::to_string(bytes),
                .tier = Tier::peer,
                .run_round = run});
}

}  // namespace shmbus::bench
