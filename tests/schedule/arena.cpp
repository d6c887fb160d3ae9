#include "schedule/arena.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace shmbus::schedule::arena {
namespace {

constexpr std::size_t arena_bytes = std::size_t{32} << 20U;
alignas(64) std::byte memory[arena_bytes];  // NOLINT: untouched pages cost nothing
std::size_t used = 0;
bool in_use = false;

void* take(std::size_t bytes, std::size_t align) {
  const std::size_t at = (used + align - 1) / align * align;
  if (at + bytes > arena_bytes) throw std::bad_alloc();
  used = at + bytes;
  return memory + at;
}

bool ours(const void* pointer) noexcept {
  const auto* byte = static_cast<const std::byte*>(pointer);
  return byte >= memory && byte < memory + arena_bytes;
}

}  // namespace

Use::Use(bool on) noexcept : before_(in_use) { in_use = on; }
Use::~Use() { in_use = before_; }

void reset() noexcept { used = 0; }

}  // namespace shmbus::schedule::arena

namespace arena = shmbus::schedule::arena;

void* operator new(std::size_t bytes) {
  if (arena::in_use) return arena::take(bytes, alignof(std::max_align_t));
  if (void* found = std::malloc(bytes == 0 ? 1 : bytes)) return found;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, std::align_val_t align) {
  if (arena::in_use) return arena::take(bytes, static_cast<std::size_t>(align));
  void* found = nullptr;
  if (::posix_memalign(&found, static_cast<std::size_t>(align), bytes) == 0) return found;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* pointer) noexcept {
  if (!arena::ours(pointer)) std::free(pointer);
}
void operator delete(void* pointer, std::size_t) noexcept { ::operator delete(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { ::operator delete(pointer); }
void operator delete(void* pointer, std::size_t, std::align_val_t) noexcept {
  ::operator delete(pointer);
}
void operator delete(void* pointer, const std::nothrow_t&) noexcept { ::operator delete(pointer); }
