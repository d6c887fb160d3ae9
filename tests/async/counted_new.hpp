// How often this program has allocated: the test of what an await allocates looks at the
// difference.
#pragma once

#include <atomic>
#include <cstdint>

namespace shmbus::test {

extern std::atomic<std::uint64_t> allocations;

}  // namespace shmbus::test
