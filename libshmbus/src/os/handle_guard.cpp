#include "os/handle_guard.hpp"

#include <sys/mman.h>

#include <new>

namespace shmbus::liveness {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::uint32_t intact_state = 1;
constexpr std::uint32_t lost_state = 2;
constexpr std::uint32_t given_back_state = 3;

// A forked child finds the first page wiped, and so the rest of the list gone: it begins anew.
std::atomic<HandleGuard*> all_guards{nullptr};
std::atomic<std::uint32_t> lost_count{0};

void* make_page() noexcept {
  void* page =
      ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (::madvise(page, page_bytes, MADV_WIPEONFORK) == 0) return page;
  ::munmap(page, page_bytes);
  return nullptr;
}

}  // namespace

HandleGuard* HandleGuard::acquire() noexcept {
  HandleGuard* first = all_guards.load(std::memory_order_acquire);  // SYNC guard.list
  for (HandleGuard* guard = first; guard != nullptr; guard = guard->next_) {
    std::uint32_t free = given_back_state;
    // SYNC guard.state: the last user has done with it.
    if (guard->state_.compare_exchange_strong(free, intact_state, std::memory_order_acq_rel,
                                              std::memory_order_relaxed)) {
      return guard;
    }
  }
  void* page = make_page();
  if (page == nullptr) return nullptr;
  auto* fresh = new (page) HandleGuard();
  do {
    fresh->next_ = first;
    // SYNC guard.list
  } while (!all_guards.compare_exchange_weak(first, fresh, std::memory_order_acq_rel,
                                             std::memory_order_acquire));
  return fresh;
}

HandleGuard* HandleGuard::at(std::uintptr_t address) noexcept {
  HandleGuard* guard = all_guards.load(std::memory_order_acquire);  // SYNC guard.list
  for (; guard != nullptr; guard = guard->next_) {
    const std::uintptr_t begin = guard->begin_.load(std::memory_order_acquire);  // SYNC guard.range
    if (begin == 0 || address < begin) continue;
    if (address - begin < guard->bytes_.load(std::memory_order_relaxed)) return guard;
  }
  return nullptr;
}

std::uint32_t HandleGuard::lost_mappings() noexcept {
  return lost_count.load(std::memory_order_relaxed);
}

void HandleGuard::watch(const void* begin, std::size_t bytes) noexcept {
  bytes_.store(bytes, std::memory_order_relaxed);
  // SYNC guard.range
  begin_.store(reinterpret_cast<std::uintptr_t>(begin), std::memory_order_release);
}

void HandleGuard::watch_mark(const void* page, std::size_t bytes) noexcept {
  mark_bytes_.store(bytes, std::memory_order_relaxed);
  mark_.store(reinterpret_cast<std::uintptr_t>(page),
              std::memory_order_release);  // SYNC guard.mark
}

bool HandleGuard::lose() noexcept {
  std::uint32_t seen = intact_state;
  // Before the zeros can be read: see was_intact(). Another thread that faults meanwhile repeats
  // its instruction until they are there.
  if (!state_.compare_exchange_strong(seen, lost_state, std::memory_order_seq_cst)) {
    return seen == lost_state;
  }
  lost_count.fetch_add(1, std::memory_order_relaxed);
  void* const begin = reinterpret_cast<void*>(begin_.load(std::memory_order_relaxed));
  const std::size_t bytes = bytes_.load(std::memory_order_relaxed);
  constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  // SYNC guard.mark
  if (const std::uintptr_t mark = mark_.load(std::memory_order_acquire); mark != 0) {
    (void)::mmap(reinterpret_cast<void*>(mark), mark_bytes_.load(std::memory_order_relaxed),
                 PROT_NONE, flags, -1, 0);
  }
  return ::mmap(begin, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == begin;
}

void HandleGuard::release() noexcept {
  begin_.store(0, std::memory_order_release);                 // SYNC guard.range
  state_.store(given_back_state, std::memory_order_release);  // SYNC guard.state
}

}  // namespace shmbus::liveness
