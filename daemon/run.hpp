// The loop of shmbusd: events in, one step of the supervisor, actions out, until it says stop.
#pragma once

#include "daemon/messages.hpp"
#include "daemon/program.hpp"
#include "session/core.hpp"
#include "shmbus/error.hpp"

namespace shmbus::daemon {

/// Takes care of one bus until asked to stop or until nobody can reach that bus any more. The
/// bus must have been opened as its daemon. REQUIRES: block_stop_signals() was called.
Result<Ending> supervise(const shmbus::detail::BusCore& bus, Nanos statistics, const Log& log,
                         const Notifier& notifier);

}  // namespace shmbus::daemon
