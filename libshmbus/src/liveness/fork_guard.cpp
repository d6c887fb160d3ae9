#include "liveness/fork_guard.hpp"

#include <sys/mman.h>

#include <new>

namespace shmbus::liveness {
namespace {

const ForkGuard* make_guard() noexcept {
  constexpr std::size_t page_bytes = 4096;
  void* page =
      ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (::madvise(page, page_bytes, MADV_WIPEONFORK) != 0) {
    ::munmap(page, page_bytes);
    return nullptr;
  }
  return new (page) ForkGuard();
}

// A child that opens a bus of its own after a fork needs a fresh page: the inherited one is wiped
// for ever.
std::atomic<const ForkGuard*> current{nullptr};

}  // namespace

const ForkGuard* ForkGuard::instance() noexcept {
  const ForkGuard* guard = current.load(std::memory_order_acquire);  // SYNC fork.guard
  if (guard != nullptr && !guard->forked()) return guard;
  const ForkGuard* fresh = make_guard();
  if (fresh == nullptr) return nullptr;
  // SYNC fork.guard: a thread that lost the race uses the winner's page.
  if (!current.compare_exchange_strong(guard, fresh, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
    ::munmap(const_cast<ForkGuard*>(fresh), 4096);
    return guard;
  }
  return fresh;
}

}  // namespace shmbus::liveness
