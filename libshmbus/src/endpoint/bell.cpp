#include "endpoint/bell.hpp"

#include "inbox/inbox.hpp"
#include "wait/fence.hpp"
#include "wait/futex.hpp"

namespace shmbus::endpoint {

void wake_owner(layout::Endpoint& target) noexcept { 
  wait::wake_sleeper(target.events.count, target.attention.parked_at);
}

void ring(const segment::View& view, std::uint32_t endpoint, std::uint32_t lane) noexcept {
  auto& target = view.endpoint(endpoint);
  // Full: the owner has plenty to do and sweeps all lanes before it sleeps for long.
  (void)inbox::push(view.inbox(endpoint), target.inbox_tail, lane, inbox::any_command);
  wait::detail::full_fence();
  if (must_wake(target)) wake_owner(target);
}

}  // namespace shmbus::endpoint
