// The directory of broadcast lanes: one word each, moved by CAS.
//
//   lane:  free(g) ──publisher──► allocating(g, me, name) ──publisher──► attached
//          attached ──its publisher leaves, or anybody who proved it dead──► retired
//          attached by a dead one | retired ──a new publisher of that name──► attached(me)
//          retired, topic without subscribers ──a publisher that needs room──► evicting
//          evicting ──anybody; the topic has a subscriber by now──► retired(g + 1)
//          evicting ──anybody; it still has none──► releasing
//          allocating by a dead one ──anybody──► releasing
//          releasing ──anybody, when its extents are free──► free(g + 1)
//
// A lane is never freed while its topic has a living subscriber: one that stops in the middle of a
// store to its position must not spoil the position of another in a later lane. A subscriber joins,
// fences, and looks at the lane's word; the one that evicts moves that word, fences, and looks for
// subscribers: one of the two sees the other.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "attach/attachment.hpp"
#include "layout/broadcast.hpp"
#include "layout/event_words.hpp"
#include "shmbus/error.hpp"

namespace shmbus::broadcast {

layout::BroadcastWord load_word(const segment::View& view, std::uint32_t lane) noexcept;

/// What a publisher asks for: each slot holds `slot_bytes`, header and payload.
struct Wanted {
  std::uint32_t name = 0;
  std::uint32_t slot_bytes = 0;
  std::uint32_t keep = 0;
  bool fence_each = false;  ///< the publisher has no membarrier: subscribers fence themselves
};

/// Bytes of a slot for events of up to `payload_bytes`; 0 when that is too much for any bus.
std::uint32_t slot_bytes_for(std::size_t payload_bytes) noexcept;

/// The memory of one lane, checked against the segment and the leases of its extents.
class Memory {
 public:
  /// Nothing when the shape that stands in the segment is none.
  static std::optional<Memory> of(const segment::View& view, std::uint32_t lane) noexcept;

  [[nodiscard]] std::uint32_t slots() const noexcept { return slots_; }
  [[nodiscard]] std::uint32_t payload_max() const noexcept {
    return slot_bytes_ - static_cast<std::uint32_t>(layout::event_payload_offset);
  }
  [[nodiscard]] std::uint32_t lines() const noexcept {
    return slot_bytes_ / static_cast<std::uint32_t>(layout::line_bytes);
  }
  /// REQUIRES: slot < slots()
  [[nodiscard]] layout::EventSlot& slot(std::uint32_t slot) const noexcept {
    return *reinterpret_cast<layout::EventSlot*>(first_slot_ + std::size_t{slot} * slot_bytes_);
  }
  [[nodiscard]] std::byte* payload(std::uint32_t slot) const noexcept {
    return first_slot_ + std::size_t{slot} * slot_bytes_ + layout::event_payload_offset;
  }
  [[nodiscard]] layout::Word64& index(std::uint64_t seq) const noexcept {
    return index_[seq & index_mask_];
  }
  [[nodiscard]] std::uint64_t index_mask() const noexcept { return index_mask_; }

 private:
  Memory(std::byte* begin, std::uint32_t slots, std::uint32_t slot_bytes) noexcept;
  layout::Word64* index_;
  std::byte* first_slot_;
  std::uint64_t index_mask_;
  std::uint32_t slots_;
  std::uint32_t slot_bytes_;
};

/// A lane of this participant that nobody can see yet, its memory leased and cleared. limit_reached
/// names the capacity that is used up.
Result<std::uint32_t> allocate(const Attachment& bus, const Wanted& wanted) noexcept;
/// The lane of a publisher of that name that left or died, if it has the shape. It goes on where
/// that one ended.
std::optional<std::uint32_t> adopt(const Attachment& bus, const Wanted& wanted) noexcept;
/// Subscribers find an allocated lane from here on.
void attach(const Attachment& bus, std::uint32_t lane) noexcept;
/// Its publisher is done with it. Its last events stay, unless there is none.
void retire(const Attachment& bus, std::uint32_t lane) noexcept;

/// Takes back what a dead participant, or one that leaves, holds, its subscribers too. Idempotent.
void recover(const Attachment& bus, layout::ParticipantId party) noexcept;
/// No word of a lane that is being made or of a subscriber may name it when its endpoint goes free.
bool names(const segment::View& view, layout::ParticipantId party) noexcept;

}  // namespace shmbus::broadcast
