// In a file of its own: a compiler that sees both ends takes malloc and delete for a mismatch.
#include "failing_new.hpp"

#include <cstdlib>
#include <new>

namespace shmbus::torture {

bool (*allocation_refused)() noexcept = nullptr;

namespace {
void* allocate(std::size_t bytes) noexcept {
  if (allocation_refused != nullptr && allocation_refused()) return nullptr;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
}  // namespace
}  // namespace shmbus::torture

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return shmbus::torture::allocate(bytes);
}
void* operator new(std::size_t bytes) {
  void* memory = shmbus::torture::allocate(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
