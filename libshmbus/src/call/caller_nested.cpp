// Calls made inside a handler: they end by the deadline of the command that runs there, and are not
// made, or cancelled, once nobody wants that command's answer any more.
#include "call/caller_core.hpp"

namespace shmbus::detail {

Deadline CallerCore::deadline_for(Duration timeout) const noexcept {
  Deadline deadline(bus(), timeout);
  if (this_thread.running != nullptr) [[unlikely]] {
    if (const EnclosingCommand command = outer()) deadline.end_by(command.deadline_ticks());
  }
  return deadline;
}

bool CallerCore::enclosing_wanted() const noexcept {
  if (this_thread.running == nullptr) [[likely]]
    return true;
  const EnclosingCommand command = outer();
  return !command || !command.cancelled();
}

tl::unexpected<Error> CallerCore::cancelled_error() noexcept {
  return fail(ErrorKind::cancelled,
              "the command that this call is made for was cancelled: it was not started and will "
              "not be (see Shield)");
}

}  // namespace shmbus::detail
