// What can still be read of participants that have died: the events in their rings, what their
// callers got, and what they had started and left unanswered.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inspect/reader.hpp"
#include "layout/words.hpp"
#include "recorder/reader.hpp"

namespace shmbus::inspect {

/// A command that a dead owner had started and not answered, and that nobody has seen to yet.
struct LeftBehind {
  std::uint32_t record = 0;
  std::uint32_t lane = 0;
  std::uint64_t sequence = 0;
  layout::ParticipantId caller;
  std::uint32_t bytes = 0;
  std::vector<std::byte> start;  ///< of its request
  bool one_way = false;
};

struct Deceased {
  layout::ParticipantId party;
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::string label;
  bool alive = false;                ///< it has not died at all
  bool left = false;                 ///< it went as it should
  bool reclaimed = false;            ///< what it held was taken back
  std::uint64_t found_at_ticks = 0;  ///< left, or found dead; 0: not known
  layout::ParticipantId found_by;
  std::vector<LeftBehind> left_behind;
  std::vector<recorder::Event> told;    ///< commands that recovery failed
  std::vector<recorder::Event> events;  ///< the others that are about it, the oldest first
  std::uint32_t unreadable = 0;         ///< half-written slots of its ring
};

/// All that have died as far as the rings remember; with a pid, all participants that it ever was,
/// living ones too. The last to die comes last.
std::vector<Deceased> postmortems(const Reader& reader, std::uint32_t pid = 0);

}  // namespace shmbus::inspect
