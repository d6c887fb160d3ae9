// Tells a forked child that its handles are not its own.
//
// One page of the process is marked MADV_WIPEONFORK: the kernel hands the child a page of zeros,
// whichever way it was forked (fork, _Fork, clone). The check is one load of a line that never
// changes.
#pragma once

#include <atomic>
#include <cstdint>

namespace shmbus::liveness {

class ForkGuard {
 public:
  /// Null when the page cannot be had; try again later.
  static const ForkGuard* instance() noexcept;

  [[nodiscard]] bool forked() const noexcept { return alive_.load(std::memory_order_relaxed) == 0; }

 private:
  std::atomic<std::uint64_t> alive_{1};
};

}  // namespace shmbus::liveness
