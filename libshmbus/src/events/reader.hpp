// A subscriber's end of one broadcast lane: where it stands, and the event there. See
// layout/broadcast.hpp for the protocol. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "attach/attachment.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "shmbus/event_options.hpp"
#include "words/broadcasts.hpp"
#include "words/subscribers.hpp"

namespace shmbus::events {

class Reader {
 public:
  enum class Poll : std::uint8_t { nothing, event, damaged };

  /// Begins where `from` says. REQUIRES: this participant's place is in the mode `joining`.
  /// Nothing when the segment is damaged.
  static std::optional<Reader> start(const Attachment& bus, std::uint32_t lane, std::uint32_t place,
                                     WhenSlow mode, From from) noexcept;
  /// Begins with the first event of a lane that has come later.
  static std::optional<Reader> follow(const Attachment& bus, std::uint32_t lane,
                                      std::uint32_t place, WhenSlow mode) noexcept;

  [[nodiscard]] std::uint32_t lane() const noexcept { return lane_; }
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return seq_; }
  [[nodiscard]] layout::ParticipantId publisher() const noexcept {
    return layout::ParticipantId::from_bits(
        memory_.slot(slot_).publisher.load(std::memory_order_relaxed));
  }
  /// REQUIRES: poll() said that there is an event. Nobody writes to it before advance().
  [[nodiscard]] std::span<const std::byte> payload() const noexcept {
    return {memory_.payload(slot_), bytes_};
  }

  /// Whether the next event is there.
  Poll poll() noexcept {
    if (abandoned_) [[unlikely]]
      return Poll::nothing;
    // SYNC event.slot
    const layout::EventWord word{memory_.slot(slot_).word.load(std::memory_order_acquire)};
    if (word.seq() < seq_) return Poll::nothing;
    if (word.seq() != seq_ || overtaken()) [[unlikely]]
      return catch_up();
    return take(word);
  }
  /// Lets go of the event that poll() found.
  void advance() noexcept {
    slot_ = next_slot_;
    ++seq_;
    own_->delivered.store(++delivered_, std::memory_order_relaxed);
    move_to(seq_);
    // SYNC event.room
    if (shared_->bounds.parked.load(std::memory_order_relaxed) != 0) [[unlikely]]
      wait::bump_and_wake(shared_->events.count);
  }

  /// Reads no more there, and holds nothing.
  void abandon() noexcept {
    abandoned_ = true;
    move_to(layout::CellWord::seq_max);
  }

 private:
  Reader(const Attachment& bus, std::uint32_t lane, std::uint32_t place,
         const broadcast::Memory& memory, WhenSlow mode) noexcept;
  bool begin_at(std::uint64_t seq) noexcept;
  [[nodiscard]] std::uint64_t newest() const noexcept;
  struct Found {
    std::uint32_t slot = 0;
    layout::EventWord word;  ///< of the slot; names the next one
  };
  [[nodiscard]] std::optional<Found> locate(std::uint64_t seq) const noexcept;
  Poll catch_up() noexcept;
  Poll take(layout::EventWord word) noexcept;

  /// Says which event we look at or wait for. A publisher that gives it up from here on sees that.
  void move_to(std::uint64_t seq) noexcept {
    // SYNC event.position, broadcast.oldest
    own_->position.store(seq, std::memory_order_release);
    if (fence_each_) [[unlikely]] {
      wait::detail::full_fence();
    } else {
      wait::publisher_fence();
    }
  }
  /// One that holds cannot be.
  [[nodiscard]] bool overtaken() const noexcept {
    if (SHMBUS_MISTAKE("overtaken.unseen")) return false;
    // SYNC broadcast.oldest
    return mode_ == WhenSlow::skip && seq_ < shared_->bounds.oldest.load(std::memory_order_acquire);
  }

  layout::Broadcast* shared_;
  layout::BroadcastReader* own_;
  broadcast::Memory memory_;
  std::uint64_t seq_ = 1;
  std::uint32_t slot_ = 0;
  std::uint32_t next_slot_ = 0;
  std::uint32_t bytes_ = 0;
  std::uint32_t lane_;
  WhenSlow mode_;
  bool fence_each_;
  bool abandoned_ = false;
  std::uint64_t delivered_ = 0;
  std::uint64_t missed_ = 0;
};

}  // namespace shmbus::events
