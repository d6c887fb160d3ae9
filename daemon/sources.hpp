// Where events come from: one epoll set over a timer, the stop signals, the arrivals and a pidfd
// for each participant that is watched. Used by the loop (daemon/run.cpp) and the performer.
//
// A descriptor that cannot be had is an outcome, not an error: the supervisor then polls.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/arrivals.hpp"
#include "daemon/messages.hpp"
#include "daemon/program.hpp"
#include "shmbus/error.hpp"

namespace shmbus::daemon {

/// Blocks the stop signals in this thread and all that it starts, so that the loop alone gets them.
/// Call before any thread is started.
void block_stop_signals() noexcept;

/// As many descriptors as the system grants: one for each participant.
void raise_descriptor_limit() noexcept;

class Sources {
 public:
  /// `arrivals` is a word of the segment, which must outlive this object.
  static Result<std::unique_ptr<Sources>> make(std::uint32_t slots, layout::Word32& arrivals);
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;
  ~Sources() = default;

  event::WatchResult watch(SlotId slot, std::uint32_t pid) noexcept;
  void unwatch(SlotId slot) noexcept;

  /// Sleeps until something happens or `until` (CLOCK_MONOTONIC) is reached; appends what happened.
  void wait(Nanos until, std::vector<Event>& out);

 private:
  struct Watched {
    Descriptor pidfd;
    std::uint32_t epoch = 0;
  };

  explicit Sources(std::uint32_t slots) : watched_(slots) {}
  [[nodiscard]] Result<void> open(layout::Word32& arrivals);
  [[nodiscard]] bool add(int fd, std::uint64_t tag) noexcept;
  void arm(Nanos until) noexcept;
  void take(std::uint64_t tag, std::vector<Event>& out);

  Descriptor epoll_;
  Descriptor timer_;
  Descriptor signals_;
  std::unique_ptr<Arrivals> arrivals_;
  std::vector<Watched> watched_;  ///< by slot
  Nanos armed_for_ = never;
};

}  // namespace shmbus::daemon
