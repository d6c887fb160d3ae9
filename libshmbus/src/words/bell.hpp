// Ringing an endpoint: put a ticket into its inbox if it does not poll this lane, and wake its
// owner if it sleeps. Tickets, park flags and modes are hints: each may be lost or forged at the
// cost of latency alone.
#pragma once

#include <cstdint>

#include "segment/view.hpp"

namespace shmbus::endpoint {

/// Wakes the owner when it said that it sleeps.
inline bool must_wake(const layout::Endpoint& target) noexcept {
  return target.attention.attention.load(std::memory_order_acquire) ==  // SYNC wait.parked
         static_cast<std::uint32_t>(layout::Attention::parked);
}
void wake_owner(layout::Endpoint& target) noexcept;

/// "Look at this lane", for whoever is not its hot caller: attach, detach, a caller's death.
void ring(const segment::View& view, std::uint32_t endpoint, std::uint32_t lane) noexcept;

}  // namespace shmbus::endpoint
