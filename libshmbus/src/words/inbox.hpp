// The inbox of an endpoint: an MPSC ring of 8-byte tickets, each naming a lane to serve next.
//
// A slot's word carries its turn: 2 * lap while it is empty for that lap, 2 * lap + 1 while full.
// One CAS empty -> full claims the slot and publishes the ticket at once, so there is no state in
// which a producer owns a slot but has not filled it. `tail` and `head` are hints that only save
// the walk: losing one costs time.
//
// Lanes are the truth. A ticket that is lost, doubled or forged costs order or time, never a
// command: the owner checks the lane that a ticket names.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "layout/endpoint.hpp"
#include "layout/words.hpp"

namespace shmbus::inbox {

/// "Look at this lane", instead of a particular command.
inline constexpr std::uint32_t any_command = 0;
/// In place of a lane: "look at your control word, somebody wants the endpoint". No lane has it.
inline constexpr std::uint32_t no_lane = 0xFFFF;

/// The part of a sequence number that fits a ticket; never any_command.
constexpr std::uint32_t tag_of(std::uint64_t seq) noexcept {
  return static_cast<std::uint32_t>(seq % 0xFFFFU) + 1U;
}
/// How many commands `tag` lies ahead of `seq`; nothing when it lies behind.
constexpr std::optional<std::uint32_t> tag_ahead(std::uint32_t tag, std::uint64_t seq) noexcept {
  const std::uint32_t distance = (tag + 0xFFFFU - tag_of(seq)) % 0xFFFFU;
  if (distance > 0x7FFFU) return std::nullopt;
  return distance;
}

/// Any process. False when the ring is full.
bool push(std::span<layout::Word64> ring, layout::InboxTail& tail, std::uint32_t lane,
          std::uint32_t tag) noexcept;

/// Whether a push would find room just now.
bool had_room(std::span<const layout::Word64> ring, const layout::InboxTail& tail) noexcept;

/// The owner's end. One at a time, which owning the endpoint guarantees.
class Consumer {
 public:
  Consumer() noexcept = default;
  Consumer(std::span<layout::Word64> ring, layout::EndpointOwner& owner) noexcept;

  /// A glance that believes nothing: peek() decides.
  [[nodiscard]] bool may_have_ticket() const noexcept {
    return layout::TicketWord{slot().load(std::memory_order_relaxed)}.turn() != empty_turn();
  }
  /// The oldest ticket; it stays in the ring until release().
  [[nodiscard]] std::optional<layout::TicketWord> peek() noexcept;
  void release() noexcept;
  /// Calls `f(ticket)` for each ticket that is in the ring now, oldest first. They stay there.
  template <class F>
  void for_each(F f) const {
    Consumer ahead = *this;
    for (std::size_t left = ring_.size(); left != 0; --left) {
      const auto ticket = ahead.peek();
      if (!ticket) return;
      f(*ticket);
      ++ahead.head_;
    }
  }
  /// Tickets taken so far, by all owners.
  [[nodiscard]] std::uint64_t head() const noexcept { return head_; }
  /// REQUIRES: peek() found nothing. Over an empty ring the tail is the head; a hint that says
  /// otherwise is stale or forged. (A producer may be ahead of us by now: it costs others a walk.)
  void repair_tail(layout::InboxTail& tail) const noexcept;

 private:
  [[nodiscard]] layout::Word64& slot() const noexcept { return ring_[head_ & (ring_.size() - 1)]; }
  [[nodiscard]] std::uint32_t empty_turn() const noexcept {
    return static_cast<std::uint32_t>(2 * (head_ >> std::countr_zero(ring_.size())));
  }

  std::span<layout::Word64> ring_;
  layout::Word64* shared_head_ = nullptr;
  std::uint64_t head_ = 0;
};

}  // namespace shmbus::inbox
