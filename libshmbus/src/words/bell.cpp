#include "words/bell.hpp"

#include "base/probes.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "words/inbox.hpp"

namespace shmbus::endpoint {

void wake_owner(layout::Endpoint& target) noexcept {
  wait::wake_sleeper(target.events.count, target.attention.parked_at);
}

void ring(const segment::View& view, std::uint32_t endpoint, std::uint32_t lane) noexcept {
  auto& target = view.endpoint(endpoint);
  // One ticket for each lane at a time, as for a caller that rings: many reclaimers, or one that
  // looks again and again while nobody serves the endpoint, must not fill the inbox.
  auto& rung = view.lane(lane).events.rung;
  // SYNC lane.rung
  if (rung.exchange(1, std::memory_order_acq_rel) == 0 &&
      !inbox::push(view.inbox(endpoint), target.inbox_tail, lane, inbox::any_command)) {
    // Full: the owner has plenty to do and sweeps all lanes before it sleeps for long.
    rung.store(0, std::memory_order_relaxed);
  }
  wait::detail::full_fence();
  if (!must_wake(target)) return;
  probes::wake(probes::Sleeper::handler, endpoint, 0);
  wake_owner(target);
}

}  // namespace shmbus::endpoint
