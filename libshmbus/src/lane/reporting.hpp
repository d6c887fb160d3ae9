// Whether the calling thread is inside an OnLost callback: what it destroys there is still in use.
#pragma once

#include <cstdint>

namespace shmbus::detail {

inline thread_local constinit std::uint32_t reports_under_way = 0;

}  // namespace shmbus::detail
