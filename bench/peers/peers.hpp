#pragma once
// How a peer adds its measurements: peer.<name>.<measurement>, latencies against the floor of the
// same size and way of waiting, rates against the bare ring.

#include <string>

#include "harness/registry.hpp"

namespace shmbus::bench {

/// How a side waits for the next message: by asking again and again, or asleep in the kernel.
enum class Wait { spin, block };

using RunRound = RoundResult (*)(const RoundBudget&);

void add_peer_echo(Registry& registry, const std::string& peer, const std::string& measurement,
                   std::size_t bytes, const std::string& mode, RunRound run);
void add_peer_stream(Registry& registry, const std::string& peer, std::size_t bytes,
                     const std::string& mode, RunRound run);

}  // namespace shmbus::bench
