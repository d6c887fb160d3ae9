// In a file of its own: a compiler that sees both ends takes malloc and delete for a mismatch.
#include "async/counted_new.hpp"

#include <cstdlib>
#include <new>

std::atomic<std::uint64_t> shmbus::test::allocations{0};

void* operator new(std::size_t bytes) {
  shmbus::test::allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(bytes != 0 ? bytes : 1);  // NOLINT: this is the allocator
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }               // NOLINT
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }  // NOLINT
