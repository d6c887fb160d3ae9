// What the calling thread works for, as its next call sees it.
#pragma once

#include "shmbus/trace.hpp"
#include "trace/current_command.hpp"

namespace shmbus::trace {

struct Here {
  TraceContext context;  ///< not valid: no trace
  std::uint8_t attempt = 1;
  bool decided = false;  ///< whoever began this piece of work has said whether it is traced
};

/// `handler`: also the command whose handler runs, not only what was entered in it since.
Here here(bool handler = true) noexcept;

/// While one lives, callers of this thread look at what it works for before they take their fast
/// paths, which do not.
class Watchful {
 public:
  Watchful() noexcept { begin(); }
  Watchful(const Watchful&) = delete;
  Watchful& operator=(const Watchful&) = delete;
  ~Watchful() { end(); }

  static void begin() noexcept {
    ++detail::this_thread.watchful;
    detail::this_thread.plain = nullptr;
  }
  static void end() noexcept {
    if (--detail::this_thread.watchful == 0) detail::this_thread.plain = &detail::this_thread;
  }
};

}  // namespace shmbus::trace
