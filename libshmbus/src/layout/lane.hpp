// A lane: the SPSC ring of one caller thread to one endpoint, and the cells it is made of.
//
//   byte     line   writer                       content
//   0x000    L0     caller, rarely               park flag, cancel bits
//   0x040    L1     owner, rarely                mode: polled or to be rung
//   0x080    L2     RMW                          the caller's event count; the ring-once flag
//   0x0C0    JA     owner holding slot 0         the journal: cursor, done
//   0x100    JB     owner holding slot 1         the journal: cursor, done
//   0x140    ST     caller                       counters
//   0x200    c[i]   caller, then owner           one command, then its reply, in the same line
//   behind          caller                       a word for each cell: when its command was
//                                                published, for those that are timed
//
// Cells are linked: command k names the cell where k + 1 will appear, so a reply that is late
// pins its own line only. A command whose request or reply is a little too long for one cell has a
// second one, which the first names: the request goes on there, and so does the reply. It is free
// again when the first is. The state of a cell is its word, and one store moves it:
//
//   free ──caller: {k, request|send}──► published ──owner: cursor = {k + 1, next}──► started
//   started ──owner: {k, reply, status}──► replied            ──caller reads──► free
//   started ──anyone, owner proven dead: CAS {k, reply, handler_died}──► replied
//   started (send) ──owner: done = k + 1──► free, the word keeps {k, send}
//
// "Started" is not written into the cell. It is derived: the cell's seq is below the cursor. The
// cursor is the owner's own line, so the start of a command costs one plain store.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/scheduled.hpp"
#include "layout/limits.hpp"

namespace shmbus::layout {

#if defined(SHMBUS_SCHEDULED)
using Word32 = scheduled::Word<std::uint32_t>;
using Word64 = scheduled::Word<std::uint64_t>;
#else
using Word32 = std::atomic<std::uint32_t>;
using Word64 = std::atomic<std::uint64_t>;
#endif
static_assert(Word32::is_always_lock_free && sizeof(Word32) == 4);
static_assert(Word64::is_always_lock_free && sizeof(Word64) == 8);

/// What the owner asks of a caller that publishes into this lane.
enum class LaneMode : std::uint32_t {
  cold = 0,     ///< ring the inbox with one ticket
  hot = 1,      ///< polled: nothing to do
  ordered = 2,  ///< the endpoint has global order: one ticket for each command
};

struct alignas(line_bytes) LaneCaller {  // L0
  Word32 park;                           ///< 1 while the caller sleeps on `LaneEvents::count`
  Word32 parked_at;                      ///< the count it sleeps at: bumped already, no need again
  std::array<Word64, cells_per_lane_max / 64> cancel;  ///< bit i: do not start cell i any more
  std::array<std::uint8_t, 24> pad;
};

struct alignas(line_bytes) LaneOwner {  // L1
  Word32 mode;                          ///< LaneMode
  std::array<std::uint8_t, 60> pad;
};

struct alignas(line_bytes) LaneEvents {  // L2
  Word32 count;                          ///< futex: bumped before the caller is woken
  Word32 rung;                           ///< 1 while a ticket for this cold lane is under way
  Word32 send_answers;  ///< bumped before a one-way command is answered: it was lost or refused
  std::array<std::uint8_t, 52> pad;
};

struct alignas(line_bytes) LaneJournal {  // JA, JB
  Word64 cursor;                          ///< CursorWord: everything below seq was started
  Word64 done;                            ///< one-way commands below this seq have finished
  std::array<std::uint8_t, 48> pad;
};

struct alignas(line_bytes) LaneCounters {  // ST: cumulative over all leases of the lane
  Word64 published;                        ///< seq of the newest command of this lease
  Word64 calls;
  Word64 sends;
  Word64 errors;
  Word64 timeouts;
  Word64 lost;
  Word64 bytes_out;
  Word64 bytes_in;
};

/// Flag bits of a request cell (word 1, bits 16..31).
namespace cell_flags {
inline constexpr std::uint32_t request_block = 1;     ///< the request lies in an extent
inline constexpr std::uint32_t reply_block = 2;       ///< the reply may lie in an extent
inline constexpr std::uint32_t deadline = 4;          ///< word 2 is a deadline in clock ticks
inline constexpr std::uint32_t with_caller = 8;       ///< not wanted once the caller has gone
inline constexpr std::uint32_t context = 16;          ///< bytes 36..63 are a CellContext
inline constexpr std::uint32_t paired = 32;           ///< has a second cell, named in word 1
inline constexpr std::uint32_t stamped = 64;          ///< its cell's word behind the cells is when
inline constexpr std::uint32_t request_window = 128;  ///< the request's block is a window
inline constexpr std::uint32_t reply_window = 256;  ///< the reply's block is one: layout/window.hpp
}  // namespace cell_flags

/// Where a command stands: in which trace (W3C trace context, all zeros: in none), at which
/// attempt. It takes the place of the 28 bytes beside the block names, so the request lies in a
/// block, or is empty. Written by the caller with the rest of the cell; a kill before the commit
/// leaves nothing.
struct CellContext {
  std::array<std::uint8_t, 16> trace_id;
  std::array<std::uint8_t, 8> span_id;  ///< of the call
  std::uint8_t trace_flags;             ///< 1: sampled
  std::uint8_t attempt;                 ///< 1: the first
  std::uint8_t version;                 ///< 0; a reader takes any other for no context
  std::uint8_t spare;
};

/// One command. Word by word, in the request phase:
///   0 CellWord | 1 next 16, flags 16, request bytes 32; or, paired: bytes 16, second cell 16 |
///   2 deadline | 3..7 request inline (40 B), or: 3 request block 32, reply block 32 (in 64 B
///   units) | 4 reply capacity 32, then 28 B to the end: inline, or a CellContext
/// and in the reply phase:
///   0 CellWord | 1 reply bytes 32, detail 32 | 2..7 reply inline (48 B)
/// The second cell of a pair:
///   0 whatever stood there | 1..7 the request from its byte 40 on, then the reply from its byte
///   48 on (56 B)
struct alignas(line_bytes) Cell {
  std::array<Word64, 8> word;
};

struct LaneHead {
  LaneCaller caller;                                    // 0x000
  LaneOwner owner;                                      // 0x040
  LaneEvents events;                                    // 0x080
  std::array<LaneJournal, 2> journal;                   // 0x0C0, 0x100
  LaneCounters counters;                                // 0x140
  std::array<std::uint8_t, std::size_t{2} * 64> spare;  // 0x180
};

inline constexpr std::size_t lane_cells_offset = 0x200;
constexpr std::size_t lane_stamps_offset(std::uint32_t cells) noexcept {
  return lane_cells_offset + cells * sizeof(Cell);
}
constexpr std::size_t lane_bytes(std::uint32_t cells) noexcept {
  return lane_stamps_offset(cells) +
         (cells * sizeof(Word64) + line_bytes - 1) / line_bytes * line_bytes;
}

static_assert(sizeof(CellContext) == 28 && alignof(CellContext) == 1);
static_assert(sizeof(Cell) == 64 && alignof(Cell) == 64);
static_assert(sizeof(LaneHead) == lane_cells_offset);
static_assert(offsetof(LaneHead, owner) == 0x040 && offsetof(LaneHead, events) == 0x080);
static_assert(offsetof(LaneHead, journal) == 0x0C0 && offsetof(LaneHead, counters) == 0x140);
static_assert(offsetof(LaneCaller, cancel) == 8 && sizeof(LaneCaller) == 64);
static_assert(sizeof(LaneOwner) == 64 && sizeof(LaneEvents) == 64);
static_assert(sizeof(LaneJournal) == 64 && sizeof(LaneCounters) == 64);
static_assert(std::is_standard_layout_v<LaneHead> && std::is_standard_layout_v<Cell>);

}  // namespace shmbus::layout
