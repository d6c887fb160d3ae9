// The publisher's end of a broadcast lane: which slot the next event takes, and when a slot is free
// again. See layout/broadcast.hpp for the protocol. One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "attach/attachment.hpp"
#include "base/line.hpp"
#include "words/broadcasts.hpp"
#include "words/subscribers.hpp"

namespace shmbus::events {

/// A subscriber that a publisher waits for.
struct Holder {
  std::uint32_t place = 0;
  layout::SubscriberWord word;
  std::uint64_t position = 0;
};

class Writer {
 public:
  /// Of a lane that this participant just allocated or adopted. Nothing where the segment is
  /// damaged. May throw std::bad_alloc.
  static std::optional<Writer> open(const Attachment& bus, std::uint32_t lane,
                                    const broadcast::Wanted& wanted, bool adopted);

  [[nodiscard]] std::uint32_t lane() const noexcept { return lane_; }
  [[nodiscard]] layout::Broadcast& shared() const noexcept { return *shared_; }
  [[nodiscard]] std::uint32_t payload_max() const noexcept { return memory_.payload_max(); }
  /// Where the next event's payload goes.
  [[nodiscard]] std::byte* payload() const noexcept { return memory_.payload(slot_); }
  /// Whether commit() may be called.
  [[nodiscard]] bool has_room() const noexcept { return free_count_ != 0; }
  /// Takes slots back: of events that are older than the kept ones, that no subscriber holds or
  /// looks at. Looks at the subscribers. True when there is room.
  bool make_room() noexcept;
  /// The subscriber that holds the oldest event, as make_room() saw it last.
  [[nodiscard]] const std::optional<Holder>& holder() const noexcept { return holder_; }

  /// Whether it has gone on by enough events since for make_room() to be worth its cost.
  [[nodiscard]] bool holder_went_on() const noexcept {
    // SYNC event.position
    const auto now = shared_->readers[holder_->place].position.load(std::memory_order_acquire);
    const std::uint64_t newest = next_seq_ - 1;
    const std::uint64_t half = (newest - std::min(newest, holder_->position)) / 2;
    return now > holder_->position + half;
  }

  /// Publishes what lies at payload(); returns its sequence number. REQUIRES: has_room(), and
  /// bytes <= payload_max().
  std::uint64_t commit(std::uint32_t bytes) noexcept {
    const std::uint64_t seq = next_seq_;
    const std::uint32_t following = take_free();
    draw_ahead();
    layout::EventSlot& slot = memory_.slot(slot_);
    const std::uint64_t word = layout::EventWord::make(seq, following).bits;
    if (SHMBUS_MISTAKE("event.early")) slot.word.store(word, std::memory_order_release);
    slot.bytes.store(bytes, std::memory_order_relaxed);
    slot.publisher.store(me_.bits, std::memory_order_relaxed);
    memory_.index(seq).store(layout::EventWord::make(seq, slot_).bits, std::memory_order_relaxed);
    // SYNC event.slot: everything above becomes visible with it
    slot.word.store(word, std::memory_order_release);
    shared_->counters.published.store(seq, std::memory_order_release);  // SYNC event.published
    bytes_ += bytes;
    shared_->counters.bytes.store(bytes_, std::memory_order_relaxed);
    slot_of_[seq & memory_.index_mask()] = static_cast<std::uint16_t>(slot_);
    slot_ = following;
    next_seq_ = seq + 1;
    return seq;
  }

 private:
  Writer(const Attachment& bus, std::uint32_t lane, const broadcast::Memory& memory,
         const broadcast::Wanted& wanted) noexcept
      : bus_(&bus),
        shared_(&bus.view.broadcast(lane)),
        memory_(memory),
        me_(bus.me),
        lane_(lane),
        topic_(wanted.name),
        keep_(wanted.keep),
        fence_each_(wanted.fence_each) {}
  void begin();
  bool resume();
  bool find_left_events(std::uint64_t newest, std::vector<bool>& used);
  [[nodiscard]] std::uint64_t newest_committed() const noexcept;
  void look_at_subscribers() noexcept;
  [[nodiscard]] bool pinned(std::uint64_t seq) const noexcept;
  void free_pinned() noexcept;
  void put_free(std::uint32_t slot) noexcept {
    free_[(free_first_ + free_count_++) % free_.size()] = static_cast<std::uint16_t>(slot);
  }
  /// Asks for the first lines of a slot that will be written some events later: subscribers have
  /// read them.
  void draw_ahead() noexcept {
    constexpr std::size_t events_ahead = 6;
    constexpr std::uint32_t lines_most = 2;
    if (free_count_ <= events_ahead) return;
    std::size_t at = free_first_ + events_ahead;
    if (at >= free_.size()) at -= free_.size();
    const auto* line = reinterpret_cast<const std::byte*>(&memory_.slot(free_[at]));
    for (std::uint32_t i = 0; i < memory_.lines() && i < lines_most; ++i) {
      lane::fetch_to_write(line + i * layout::line_bytes);
    }
  }
  std::uint32_t take_free() noexcept {
    const std::uint32_t slot = free_[free_first_];
    free_first_ = free_first_ + 1 == free_.size() ? 0 : free_first_ + 1;
    --free_count_;
    return slot;
  }

  const Attachment* bus_;
  layout::Broadcast* shared_;
  broadcast::Memory memory_;
  layout::ParticipantId me_;
  std::uint32_t lane_;
  std::uint32_t topic_;
  std::uint32_t keep_;
  bool fence_each_;
  // Private: what stands in the segment is for the others.
  std::uint64_t next_seq_ = 1;
  std::uint32_t slot_ = 0;           ///< of next_seq_
  std::uint64_t oldest_ = 1;         ///< as stored
  std::uint64_t unfreed_ = 1;        ///< events before this one have given up their slots
  std::uint64_t bytes_ = 0;          ///< of all payloads
  std::vector<std::uint16_t> free_;  ///< a ring
  std::size_t free_first_ = 0;
  std::size_t free_count_ = 0;
  std::vector<std::uint16_t> slot_of_;  ///< of each event that has one, as the index
  struct Pinned {
    std::uint64_t seq;
    std::uint32_t slot;
  };
  std::vector<Pinned> pinned_;                                      ///< given up, but looked at
  std::array<std::uint64_t, layout::subscribers_max> positions_{};  ///< of those that skip
  std::size_t position_count_ = 0;
  std::uint64_t floor_ = 0;  ///< the oldest event that a subscriber holds; all ones: none
  std::optional<Holder> holder_;
};

}  // namespace shmbus::events
