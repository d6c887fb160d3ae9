#pragma once
// The cores a role runs on, and how long it had to wait for one.

namespace shmbus::bench {

/// `cpu` counts the cores this process may use, modulo how many there are; a negative one does not
/// pin.
void pin_to_cpu(int cpu);

/// How long the calling thread has been ready to run and had no core. 0 where the kernel does not
/// tell.
[[nodiscard]] double core_wait_so_far() noexcept;

}  // namespace shmbus::bench
