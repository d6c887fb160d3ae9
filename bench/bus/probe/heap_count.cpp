#include "bus/probe/heap_count.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>

#if defined(__GLIBC__)

namespace {
std::atomic<std::uint64_t> allocations{0};
void count() noexcept { allocations.fetch_add(1, std::memory_order_relaxed); }
}  // namespace

// The program's own malloc stands before the C library's for every library it loads; operator new
// ends here too.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

[[gnu::visibility("default")]] void* malloc(std::size_t bytes) noexcept {
  count();
  return __libc_malloc(bytes);
}
[[gnu::visibility("default")]] void* calloc(std::size_t items, std::size_t bytes) noexcept {
  count();
  return __libc_calloc(items, bytes);
}
[[gnu::visibility("default")]] void* realloc(void* old, std::size_t bytes) noexcept {
  count();
  return __libc_realloc(old, bytes);
}
[[gnu::visibility("default")]] void* aligned_alloc(std::size_t alignment,
                                                   std::size_t bytes) noexcept {
  count();
  return __libc_memalign(alignment, bytes);
}
[[gnu::visibility("default")]] int posix_memalign(void** out, std::size_t alignment,
                                                  std::size_t bytes) noexcept {
  count();
  *out = __libc_memalign(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}
}

std::uint64_t shmbus::bench::heap_allocations() {
  return allocations.load(std::memory_order_relaxed);
}

#else

std::uint64_t shmbus::bench::heap_allocations() {
  throw std::runtime_error("counting allocations needs glibc");
}

#endif
