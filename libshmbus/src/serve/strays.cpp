// A name may move to another endpoint, or be given up, while commands wait at the one where it was.
// Its living callers withdraw them when they see that; nobody does so for who has died, or stands
// still. The next owner of that endpoint, for whatever name, refuses them: run when the name comes
// back, they would come after what was sent to other endpoints meanwhile.
#include "serve/server_core.hpp"
#include "words/members.hpp"

namespace shmbus::detail {
namespace {

bool is_stray(const segment::View& view, std::uint32_t record, std::uint32_t endpoint) noexcept {
  return record < view.capacities().names &&
         !names::load_members(view, record).place_of(endpoint).has_value();
}

}  // namespace

void ServerCore::reject_leftover_commands(serve::OwnedEndpoint& held) noexcept {
  // A handler that registers a name may be running: this is no command of its server's.
  Invocation call(*this);
  held.for_each_lane([&](serve::OwnerLane& lane) {
    call.turn_to(lane);
    std::uint32_t left = bus_->view().capacities().cells_per_lane;  // its caller may go on sending
    for (auto name = lane.next_name();
         left-- > 0 && name && is_stray(bus_->view(), *name, held.index());
         name = lane.next_name()) {
      if (lane.take(call.taken) != serve::TakeResult::taken) return;
      call.begin(call.taken.word());
      refuse(call, StatusCode::not_registered);
    }
  });
}

}  // namespace shmbus::detail
