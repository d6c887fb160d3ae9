#include "words/inbox.hpp"

#include <bit>

#include "base/testpoint.hpp"

namespace shmbus::inbox {
namespace {

using layout::TicketWord;
using layout::Word64;

std::uint32_t empty_turn_at(std::uint64_t position, std::uint64_t slots) noexcept {
  return static_cast<std::uint32_t>(2 * (position >> std::countr_zero(slots)));  // a power of two
}

/// Turns wrap; compared like sequence numbers.
bool is_before(std::uint32_t turn, std::uint32_t other) noexcept {
  return static_cast<std::int32_t>(turn - other) < 0;
}

/// The last position of this slot that has had its ticket. A producer that slept between its CAS
/// and its store of the tail may set the hint back by many laps; the first empty position lies
/// beyond, and must not be skipped: the consumer would wait at it.
std::uint64_t catch_up(std::uint64_t position, TicketWord seen, std::uint64_t slots) noexcept {
  const std::uint32_t laps = (seen.turn() - empty_turn_at(position, slots) - 1) / 2;
  return position + laps * slots;
}

}  // namespace

bool push(std::span<Word64> ring, layout::InboxTail& tail, std::uint32_t lane,
          std::uint32_t tag) noexcept {
  const std::uint64_t slots = ring.size();
  std::uint64_t position = tail.tail.load(std::memory_order_relaxed);
  // Bounded: a hint that a faulty peer wrote must not make anybody walk for ever.
  for (std::uint64_t step = 0; step < 2 * slots; ++step, ++position) {
    Word64& slot = ring[position & (slots - 1)];
    const std::uint32_t empty = empty_turn_at(position, slots);
    TicketWord seen{slot.load(std::memory_order_acquire)};  // SYNC inbox.slot
    if (is_before(seen.turn(), empty)) return false;        // not consumed since the last lap
    if (seen.turn() !=
        empty) {  // filled by another producer, this lap or, with a stale hint, later
      position = catch_up(position, seen, slots);
      continue;
    }
    const auto ticket = TicketWord::make(empty + 1, lane, tag);
    if (SHMBUS_MISTAKE("inbox.blind")) seen.bits = slot.load(std::memory_order_relaxed);
    // SYNC inbox.ticket: the command it speaks of was stored before it.
    if (!slot.compare_exchange_strong(seen.bits, ticket.bits, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
      continue;
    }
    SHMBUS_TESTPOINT("inbox.pushed");
    tail.tail.store(position + 1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

bool had_room(std::span<const Word64> ring, const layout::InboxTail& tail) noexcept {
  const std::uint64_t slots = ring.size();
  std::uint64_t position = tail.tail.load(std::memory_order_relaxed);
  // As push() walks: the hint may lag behind slots that are full.
  for (std::uint64_t step = 0; step < 2 * slots; ++step, ++position) {
    const TicketWord seen{ring[position & (slots - 1)].load(std::memory_order_relaxed)};
    const std::uint32_t empty = empty_turn_at(position, slots);
    if (is_before(seen.turn(), empty)) return false;
    if (seen.turn() == empty) return true;
    position = catch_up(position, seen, slots);
  }
  return false;
}

Consumer::Consumer(std::span<Word64> ring, layout::EndpointOwner& owner) noexcept
    : ring_(ring), shared_head_(&owner.head), head_(owner.head.load(std::memory_order_relaxed)) {
  // A predecessor that was killed between emptying a slot and storing the head left it behind.
  for (std::size_t step = 0; step < ring_.size(); ++step, ++head_) {
    const TicketWord seen{slot().load(std::memory_order_relaxed)};
    if (!is_before(empty_turn() + 1, seen.turn())) break;
  }
}

std::optional<TicketWord> Consumer::peek() noexcept {
  const TicketWord seen{slot().load(std::memory_order_acquire)};  // SYNC inbox.ticket
  if (seen.turn() == empty_turn() + 1) return seen;
  if (seen.turn() == empty_turn()) return std::nullopt;
  // Neither: a faulty peer wrote here. Put the slot in order; what it said is lost, and the sweep
  // of all lanes finds the command it may have spoken of.
  slot().store(TicketWord::make(empty_turn(), 0, 0).bits, std::memory_order_relaxed);
  return std::nullopt;
}

void Consumer::repair_tail(layout::InboxTail& tail) const noexcept {
  if (tail.tail.load(std::memory_order_relaxed) != head_) {
    tail.tail.store(head_, std::memory_order_relaxed);
  }
}

void Consumer::release() noexcept {
  // SYNC inbox.slot: the producer of the next lap may now fill it.
  slot().store(TicketWord::make(empty_turn() + 2, 0, 0).bits, std::memory_order_release);
  SHMBUS_TESTPOINT("inbox.released");
  ++head_;
  shared_head_->store(head_, std::memory_order_relaxed);
}

}  // namespace shmbus::inbox
