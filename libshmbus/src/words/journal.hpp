// Reading a lane's journal from outside: by the next owner, by the process that recovers, by the
// caller.
//
// Each owner writes only the slot it holds. Cursors only grow, so the later of the two is the
// effective one, and nothing has to be copied when an owner takes over.
#pragma once

#include <algorithm>
#include <cstdint>

#include "layout/lane.hpp"
#include "layout/words.hpp"

namespace shmbus::lane {

/// How far the owners that wrote this slot have come.
inline layout::CursorWord cursor_of(const layout::LaneHead& lane, std::uint32_t slot) noexcept {
  // SYNC lane.cursor
  return {lane.journal[slot & 1U].cursor.load(std::memory_order_acquire)};
}

inline layout::CursorWord effective_cursor(const layout::LaneHead& lane) noexcept {
  // SYNC lane.cursor
  const layout::CursorWord a{lane.journal[0].cursor.load(std::memory_order_acquire)};
  const layout::CursorWord b{lane.journal[1].cursor.load(std::memory_order_acquire)};
  return a.seq() >= b.seq() ? a : b;
}

/// One-way commands below this sequence number have finished.
inline std::uint64_t effective_done(const layout::LaneHead& lane) noexcept {
  // SYNC lane.done
  return std::max(lane.journal[0].done.load(std::memory_order_acquire),
                  lane.journal[1].done.load(std::memory_order_acquire));
}

/// Whether this cell holds a command that was started and has neither an answer nor finished.
inline bool started_unanswered(layout::CellWord word, std::uint64_t cursor_seq,
                               std::uint64_t done) noexcept {
  if (word.seq() >= cursor_seq) return false;
  return word.phase() == layout::Phase::request ||
         (word.phase() == layout::Phase::send && word.seq() >= done);
}

}  // namespace shmbus::lane
