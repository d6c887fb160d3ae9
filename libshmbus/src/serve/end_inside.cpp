// A server whose handle is destroyed by its own handler, or by a task that was posted to it, and a
// thread that ends in one.
#include <utility>

#include "serve/server_core.hpp"

namespace shmbus::detail {

void ServerCore::end_inside(std::shared_ptr<ServerCore> last) noexcept {
  kept_ = std::move(last);
  // Whatever the handlers refer to may go with the handle: none of them is called any more. They
  // themselves live until the one that runs has returned.
  for (std::uint32_t record = 0; record < handlers_.size(); ++record) {
    if (handlers_.find(record) == nullptr) continue;
    if (!hand_to_members(record)) unbind(record);
    roster_.leave(record);
    handlers_.clear(record);
  }
  served_.clear();
  mailbox_.close();
  end_loop();
}

tl::unexpected<Error> ServerCore::move_threw(std::string_view what) noexcept {
  Error error{ErrorKind::invalid_argument, 0, 0, "the "};
  error.message.append(what).append(
      " threw an exception when it was moved to where the server keeps it: it was not taken");
  return tl::unexpected<Error>(error);
}

/// The thread ends in a handler (pthread_exit): its caller gets `abandoned`, and nothing of the
/// command is left. Another thread may serve from here on.
void ServerCore::abandon(Invocation& call) noexcept {
  running_ = false;
  call.slow_path = true;
  call.target.cell = &call.lane->cell(call.taken.cell);
  call.target.seq = call.taken.word().seq();
  if (call.one_way) call.lane->count_send_answer();
  if (!call.deferred) call.target.commit_code(StatusCode::abandoned);
  if (call.one_way) call.lane->mark_done(call.taken.word().seq());
}

void ServerCore::note_wait(layout::WaitWord waits) noexcept {
  const bool inside = !waits.none() && running_ && call_.lane != nullptr;
  const auto in = inside ? layout::WaitWord::make(call_.lane->index(), call_.taken.word().seq())
                         : layout::WaitWord{};
  for (const auto& endpoint : endpoints_) {
    auto& owner = endpoint->shared().owner;
    owner.waits_in.store(in.bits, std::memory_order_release);
    owner.waits_for.store(waits.bits, std::memory_order_release);  // SYNC endpoint.waits
  }
}

}  // namespace shmbus::detail
