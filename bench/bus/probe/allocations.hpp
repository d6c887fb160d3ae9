#pragma once

namespace shmbus::bench {

/// Forks a handler, warms both up, then prints how many heap allocations both made together and in
/// how many commands: calls, asynchronous calls, calls with loaned memory, one-way commands by
/// value and loaned.
void count_allocations(const char* path);

}  // namespace shmbus::bench
