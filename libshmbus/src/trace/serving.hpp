// What the calling thread serves, as its own calls see it: a call that only this thread could run
// waits for itself, and so does one whose handler waits, through others, for this thread.
//
// A thread that waits in a handler writes into the endpoints that it serves for which command. A
// caller that is about to sleep follows these words from endpoint to endpoint: when it comes back
// to what it serves itself, nobody of that circle can go on. They are hints: a forged one costs its
// reader an error for a command that it sent there, which the forger could refuse anyway.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"

namespace shmbus::detail {

/// A command that the calling thread has published.
struct Awaited {
  const Attachment* bus = nullptr;
  std::uint32_t lane = 0;
  std::uint32_t endpoint = 0;
  std::uint64_t seq = 0;
};

/// While one lives, the calling thread waits for that command. Costs a load where the thread has
/// never served anything.
class WaitNote {
 public:
  explicit WaitNote(const Awaited& command) noexcept;
  WaitNote(const WaitNote&) = delete;
  WaitNote& operator=(const WaitNote&) = delete;
  ~WaitNote();

  /// Only the calling thread could start the command, at once or by way of others: it has to be
  /// withdrawn. `waited_ns`: for how long it has been waited for.
  [[nodiscard]] bool in_circle(std::uint64_t waited_ns) const noexcept;

 private:
  Awaited command_;
  bool noted_ = false;
};

/// The calling thread runs a handler, or a task, of a server that owns that endpoint: until it
/// returns, nothing is taken there.
[[nodiscard]] bool serves_now(const Attachment& bus, std::uint32_t endpoint) noexcept;

}  // namespace shmbus::detail
