#pragma once
// Counts this process's heap allocations, in all threads: operator new and malloc, the process that
// calls them.

#include <cstdint>

namespace shmbus::bench {

/// So far. Throws where the C library cannot be watched.
[[nodiscard]] std::uint64_t heap_allocations();

}  // namespace shmbus::bench
