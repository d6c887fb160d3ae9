// A window: the ring of records of one stream, in a block of its caller's memory. The block is
// named by the command's cell (request_window: the caller writes records; reply_window: the handler
// does) and belongs to the command until it is answered.
//
//   byte     line   writer                       content
//   0x000    W0     reader                       bytes of the ring that were read, counted from 0
//   0x040    W1     handler                      park flag and the count it sleeps at
//   0x080    W2     RMW                          the handler's event count
//   0x0C0    ring   writer                       records; the length is a multiple of 64
//
// A record is a word and its bytes, padded to 8. The word is stored last, with release: 0 is "not
// written yet", any other value commits the record. Before a writer commits a record it stores 0
// into the word behind it, so a reader never takes what was left by an earlier round for a record.
// A record lies in one piece. One that does not fit before the end of the ring is preceded by a
// record of kind `skip` that fills the ring up to there.
//
// What a kill leaves: of a writer, all records it committed, in order; of a reader, a window that
// nobody reads, until the command ends. The caller sleeps at its lane (LaneEvents), as for replies.
#pragma once

#include <cstddef>
#include <cstdint>

#include "layout/lane.hpp"

namespace shmbus::layout {

struct alignas(line_bytes) WindowReader {  // W0
  Word64 consumed;
  std::array<std::uint8_t, 56> pad;
};

struct alignas(line_bytes) WindowHandler {  // W1
  Word32 park;                              ///< 1 while the handler sleeps on `WindowEvents::count`
  Word32 parked_at;
  std::array<std::uint8_t, 56> pad;
};

struct alignas(line_bytes) WindowEvents {  // W2
  Word32 count;                            ///< futex: bumped before the handler is woken
  std::array<std::uint8_t, 60> pad;
};

struct WindowHead {
  WindowReader reader;
  WindowHandler handler;
  WindowEvents events;
};

enum class RecordKind : std::uint32_t {
  data = 0,
  skip = 1,  ///< nothing up to the end of the ring
  end = 2,   ///< the caller has sent all its records
};

/// In front of each record: its kind in the upper half, its bytes + 1 in the lower.
struct RecordWord {
  std::uint64_t bits = 0;

  static constexpr RecordWord make(RecordKind kind, std::uint64_t bytes) noexcept {
    return {std::uint64_t{static_cast<std::uint32_t>(kind)} << 32U | (bytes + 1)};
  }
  [[nodiscard]] constexpr bool written() const noexcept { return bits != 0; }
  [[nodiscard]] constexpr RecordKind kind() const noexcept {
    return static_cast<RecordKind>(bits >> 32U);
  }
  /// REQUIRES: written().
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return (bits & ~0U) - 1; }
};

inline constexpr std::size_t record_word_bytes = 8;
inline constexpr std::size_t window_head_bytes = sizeof(WindowHead);
inline constexpr std::size_t window_ring_bytes_min = 256;

/// What a record takes in the ring.
constexpr std::uint64_t record_bytes(std::uint64_t bytes) noexcept {
  return record_word_bytes + (bytes + 7) / 8 * 8;
}

static_assert(sizeof(WindowHead) == 0xC0);
static_assert(offsetof(WindowHead, handler) == 0x40 && offsetof(WindowHead, events) == 0x80);
static_assert(std::is_standard_layout_v<WindowHead>);

}  // namespace shmbus::layout
