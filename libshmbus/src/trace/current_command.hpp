// The command that this thread runs a handler for, as the calls made in that handler see it: they
// end no later, and are cancelled with it. A call outside of handlers pays one load of this
// thread's own memory for it.
#pragma once

#include <cstdint>

#include "layout/lane.hpp"
#include "shmbus/trace.hpp"

namespace shmbus::detail {

struct Invocation;  // serve/server_core.hpp
class Serving;      // serve/serving.hpp

/// What a thread knows of itself. Its address tells threads apart, for the price of no call.
struct ThreadState {
  const Invocation* running = nullptr;  ///< the innermost handler; null: none, or shielded
  const TraceFrame* trace = nullptr;    ///< what was entered last
  std::uint32_t watchful = 0;          ///< so many things that a call must look at (trace/here.hpp)
  const ThreadState* plain = nullptr;  ///< itself, while there are none and it has a port
  const Serving* serving = nullptr;    ///< the innermost server that is polled here just now
  std::uint32_t server_number = 0;     ///< of a thread that has polled one: see trace/serving.hpp
};
[[gnu::tls_model("initial-exec")]] inline thread_local constinit ThreadState this_thread;

/// While one lives, this thread runs the handler of another command, or of none.
class ScopedCurrentCommand {
 public:
  explicit ScopedCurrentCommand(const Invocation* call) noexcept : before_(this_thread.running) {
    this_thread.running = call;
  }
  ScopedCurrentCommand(const ScopedCurrentCommand&) = delete;
  ScopedCurrentCommand& operator=(const ScopedCurrentCommand&) = delete;
  ~ScopedCurrentCommand() { this_thread.running = before_; }

 private:
  const Invocation* before_;
};

/// Null where there is nothing to inherit. Valid on this thread, while the handler runs.
class EnclosingCommand {
 public:
  EnclosingCommand() noexcept = default;
  /// The command that this thread runs, unless it was running in a process that has forked since.
  static EnclosingCommand of_this_thread() noexcept;

  explicit operator bool() const noexcept { return call_ != nullptr; }
  /// 0: its caller named none.
  [[nodiscard]] std::uint64_t deadline_ticks() const noexcept;
  /// Tells commands apart, for as long as anybody compares.
  [[nodiscard]] std::uint64_t id() const noexcept;
  [[nodiscard]] bool cancelled() const noexcept;
  /// Of the command's span; not valid when it has none.
  [[nodiscard]] TraceContext trace() const noexcept;
  /// Bumped by the process that cancels it: load, ask cancelled(), sleep.
  [[nodiscard]] layout::Word32& events() const noexcept;

 private:
  explicit EnclosingCommand(const Invocation* call) noexcept : call_(call) {}
  const Invocation* call_ = nullptr;
};

}  // namespace shmbus::detail
