#include "os/fence.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#if defined(__SANITIZE_THREAD__)
#define SHMBUS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHMBUS_TSAN 1
#endif
#endif

namespace shmbus::wait {
namespace detail {

std::atomic<bool> publisher_must_fence{true};

void full_fence() noexcept {
#if defined(SHMBUS_TSAN)
  static std::atomic<int> common{0};
  common.fetch_add(1, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace detail

namespace {

[[maybe_unused]] long membarrier(int command) noexcept {
  return ::syscall(SYS_membarrier, command, 0, 0);
}

bool register_for_membarrier() noexcept {
#if defined(SHMBUS_TSAN)
  return false;
#else
  return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
#endif
}

}  // namespace

void prepare_fences() noexcept {
  // Once for each process; a forked child counts as a new one.
  static std::atomic<pid_t> prepared{0};
  const pid_t self = ::getpid();
  if (prepared.load(std::memory_order_relaxed) == self) return;
  detail::publisher_must_fence.store(!register_for_membarrier(), std::memory_order_relaxed);
  prepared.store(self, std::memory_order_relaxed);
}

bool sleeper_fence() noexcept {
#if defined(SHMBUS_TSAN)
  detail::full_fence();
  return true;
#else
  // membarrier orders the calling thread as well when it succeeds.
  if (membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0) return true;
  detail::full_fence();
  return false;
#endif
}

}  // namespace shmbus::wait
