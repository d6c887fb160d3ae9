#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

std::string floor_of(std::size_t bytes, const std::string& mode) {
  if (bytes <= 40) {
    return mode == "block" ? "floor.futex" : "floor.line";
  }
  return bytes <= kKiB ? "floor.1KiB" : bytes <= 64 * kKiB ? "floor.64KiB" : "floor.4MiB";
}

std::string size_name(std::size_t bytes) {
  return bytes < kKiB   ? std::to_string(bytes)
         : bytes < kMiB ? std::to_string(bytes / kKiB) + "KiB"
                        : std::to_string(bytes / kMiB) + "MiB";
}

}  // namespace

void add_peer_echo(Registry& registry, const std::string& peer, std::size_t bytes,
                   const std::string& mode, RunRound run) {
  const bool both_ways = bytes <= 40 && mode == "block";  // beside the row of those who spin
  registry.add({.name = "peer." + peer + ".rtt" + size_name(bytes) + (both_ways ? "_blocking" : ""),
                .payload = bytes,
                .mode = mode,
                .ratio_to = floor_of(bytes, mode),
                .tier = Tier::peer,
                .run_round = std::move(run)});
}

void add_peer_stream(Registry& registry, const std::string& peer, std::size_t bytes,
                     const std::string& mode, RunRound run) {
  registry.add({.name = "peer." + peer + ".oneway" + std::to_string(bytes),
                .payload = bytes,
                .mode = mode,
                .unit = Unit::per_second,
                .ratio_to = "peer.bare_ring.oneway" + std::to_string(bytes),
                .tier = Tier::peer,
                .run_round = std::move(run)});
}

}  // namespace shmbus::bench
