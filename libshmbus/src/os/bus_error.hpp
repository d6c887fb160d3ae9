// SIGBUS: what the kernel sends to a process that touches a mapped page which its file no longer
// has, because somebody has cut the file short. The default action ends the process.
//
// The handler below answers a fault inside a mapping that a HandleGuard watches, and passes every
// other on to whoever had the signal before: the application's handler, a crash reporter, a
// sanitizer, or the default action. See docs/decisions/0004-sigbus.md.
#pragma once

namespace shmbus::liveness {

/// Once for each process; a handler that the application installs later replaces it. From then on
/// the shared object that this code is in stays loaded, whatever is dlclosed. False when the kernel
/// refused.
bool catch_bus_errors() noexcept;

}  // namespace shmbus::liveness
