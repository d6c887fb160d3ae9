// Cache lines of cells, and who of the two processes has them.
//
// A store into a line that the other side has read waits for that side to give up its copy, and
// such waits come one after the other. A line that the other side has *written* is simply not here,
// and several such lines can be on their way at once. So the process that reads a stream also
// writes into what it has read, and both ask for lines before they touch them. docs/performance.md
// has what that is worth.
#pragma once

namespace shmbus::lane {

/// Asks for a line that will be written in a moment, or read and then written. A hint.
inline void fetch_to_write(const void* line) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(line)));
#else
  __builtin_prefetch(line, 1, 3);
#endif
}

}  // namespace shmbus::lane
