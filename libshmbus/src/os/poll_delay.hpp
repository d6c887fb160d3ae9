// When to look for what follows an answer. A look takes the line in which the next command is about
// to appear into this core's cache, and the caller has to take it back before it can write: two
// transfers where one would do. So the process that has just answered a caller that sends one
// command after the other looks away until that caller has probably written the next.
//
// How long is learned, as in a delay-locked loop: a command that was there at the first look makes
// the next pause a little shorter, one that was not makes it longer by more. What comes much later
// than the longest pause is found as if there were none.
#pragma once

#include <algorithm>
#include <cstdint>

#include "os/clock.hpp"

namespace shmbus::wait {

class PollDelay {
 public:
  explicit PollDelay(const TickRate& rate) noexcept
      : longest_(rate.from_ns(longest_ns) * parts), step_(rate.from_ns(longest_ns)) {}

  void look_away() const noexcept {
#if !defined(SHMBUS_SCHEDULED)  // whose clock stands still while nobody else has a turn
    for (const std::uint64_t until = ticks() + pause_ / parts; ticks() < until;) {
    }
#endif
  }
  void found_at_once() noexcept { pause_ -= std::min(pause_, step_); }
  void on_miss() noexcept { pause_ = std::min(pause_ + longer_by * step_, longest_); }

 private:
  static constexpr std::uint64_t longest_ns = 100;
  static constexpr std::uint64_t parts = 256;  // of a tick: a coarse clock may tick seldom
  static constexpr std::uint64_t longer_by = 5;

  std::uint64_t pause_ = 0;  // in parts of a tick, as the others
  std::uint64_t longest_;
  std::uint64_t step_;
};

}  // namespace shmbus::wait
