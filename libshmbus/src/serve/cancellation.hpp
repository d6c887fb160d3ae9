// Whether anybody still wants the answer of a command: what Context, Responder, stop tokens and the
// calls made inside its handler look at. Two words of its lane say so: the cancel bit of its cell,
// and, if its caller asked for it, the state of the lane.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "layout/lane.hpp"
#include "layout/words.hpp"
#include "words/directory.hpp"

namespace shmbus::serve {

/// A command that was started. Valid until it is answered.
struct Started {
  const Attachment* bus = nullptr;
  std::uint32_t lane = 0;
  std::uint32_t cell = 0;
  layout::ParticipantId caller;
  bool with_caller = false;  ///< not wanted once the caller has gone

  [[nodiscard]] layout::LaneHead& head() const noexcept { return bus->view.lane(lane); }
  [[nodiscard]] bool withdrawn() const noexcept {
    // SYNC lane.cancel
    const auto bits = head().caller.cancel[cell / 64].load(std::memory_order_acquire);
    return ((bits >> (cell % 64)) & 1U) != 0;
  }
  /// The caller has left, or somebody has found that it died.
  [[nodiscard]] bool caller_left() const noexcept {
    const auto word = lane::load_word(bus->view, lane);
    return word.state() != layout::LaneState::attached || word.party() != caller;
  }
};

/// Asks the kernel too, which nobody may have done yet; a system call, at most one a millisecond.
class CallerProbe {
 public:
  [[nodiscard]] bool gone(const Started& command) noexcept;
  [[nodiscard]] bool cancelled(const Started& command) noexcept {
    return command.withdrawn() || (command.with_caller && gone(command));
  }

 private:
  std::uint64_t next_ = 0;
};

}  // namespace shmbus::serve
