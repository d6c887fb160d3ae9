// What a server remembers for the flight recorder. All of it is private and looked at only on the
// paths of commands that are recorded anyway: a plain command touches nothing of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "recorder/recorder.hpp"

namespace shmbus::serve {

struct Observed {
  recorder::TapWish wish;    ///< as of the last look
  bool was_idle = true;      ///< the last poll() found nothing
  bool after_sleep = false;  ///< the next command is the first since
  // Of the last command whose caller timed it: how long it was queued.
  std::uint64_t queued_seq = 0;
  std::uint32_t queued_lane = 0;
  std::uint64_t queued_ns = 0;
  // Of the command that runs, once its request was kept: its caller may overwrite it as soon as it
  // has its answer.
  bool kept = false;
  std::uint32_t spilled = 0;
  std::array<std::byte, layout::event_excerpt_bytes> excerpt{};
};

}  // namespace shmbus::serve
