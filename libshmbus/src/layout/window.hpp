// A window: the ring of records of one stream, in a block of its caller's memory. The block is
// named by the command's cell (request_window: the caller writes records; reply_window: the handler
// does) and belongs to the command until it is answered.
//
//   byte     line   writer                       content
//   0x000    W0     writer                       bytes of the ring that were written, from 0 on
//   0x040    W1     reader                       bytes of them that were read
//   0x080    W2     handler                      park flag and the count it sleeps at
//   0x0C0    W3     RMW                          the handler's event count
//   0x100    ring   writer                       records; the length is a multiple of 64
//
// A record is a word that says its kind and length, and its bytes, padded to 8. It lies in one
// piece: one that does not fit before the end of the ring comes behind a record of kind `skip`,
// which fills the ring up to there. The store of `written` commits it, and everything before it.
// The reader looks at that word alone, and never at lines that are being written.
//
// What a kill leaves: of a writer, all records it committed, in order; of a reader, a window that
// nobody reads, until the command ends. The caller sleeps at its lane (LaneEvents), as for replies.
#pragma once

#include <cstddef>
#include <cstdint>

#include "layout/lane.hpp"

namespace shmbus::layout {

struct alignas(line_bytes) WindowWritten {  // W0
  Word64 written;
  std::array<std::uint8_t, 56> pad;
};

struct alignas(line_bytes) WindowConsumed {  // W1
  Word64 consumed;
  std::array<std::uint8_t, 56> pad;
};

struct alignas(line_bytes) WindowHandler {  // W2
  Word32 park;                              ///< 1 while the handler sleeps on `WindowEvents::count`
  Word32 parked_at;
  std::array<std::uint8_t, 56> pad;
};

struct alignas(line_bytes) WindowEvents {  // W3
  Word32 count;                            ///< futex: bumped before the handler is woken
  std::array<std::uint8_t, 60> pad;
};

struct WindowHead {
  WindowWritten writer;
  WindowConsumed reader;
  WindowHandler handler;
  WindowEvents events;
};

enum class RecordKind : std::uint32_t {
  data = 0,
  skip = 1,  ///< nothing up to the end of the ring
  end = 2,   ///< the caller has sent all its records
};

/// In front of each record: its kind in the upper half, its bytes in the lower.
struct RecordWord {
  std::uint64_t bits = 0;

  static constexpr RecordWord make(RecordKind kind, std::uint64_t bytes) noexcept {
    return {std::uint64_t{static_cast<std::uint32_t>(kind)} << 32U | bytes};
  }
  [[nodiscard]] constexpr RecordKind kind() const noexcept {
    return static_cast<RecordKind>(bits >> 32U);
  }
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return bits & ~0U; }
};

inline constexpr std::size_t record_word_bytes = 8;
inline constexpr std::size_t window_head_bytes = sizeof(WindowHead);
inline constexpr std::size_t window_ring_bytes_min = 256;

/// What a record takes in the ring.
constexpr std::uint64_t record_bytes(std::uint64_t bytes) noexcept {
  return record_word_bytes + (bytes + 7) / 8 * 8;
}

static_assert(sizeof(WindowHead) == 0x100);
static_assert(offsetof(WindowHead, reader) == 0x40 && offsetof(WindowHead, handler) == 0x80 &&
              offsetof(WindowHead, events) == 0xC0);
static_assert(std::is_standard_layout_v<WindowHead>);

}  // namespace shmbus::layout
