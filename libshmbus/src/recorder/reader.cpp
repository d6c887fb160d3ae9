#include "recorder/reader.hpp"

#include <algorithm>
#include <cstring>

#include "recorder/ring.hpp"
#include "recorder/spill.hpp"

namespace shmbus::recorder {
namespace {

constexpr std::uint64_t unfinished_ns_max = 20'000'000;  // then its writer has died, or sleeps

}  // namespace

RingCopy read_ring(const segment::View& view, std::uint32_t participant) {
  RingCopy out;
  const auto& ring = view.recorder(participant);
  for (const auto& slot : ring.slot) {
    const SlotCopy seen = copy(slot);
    if (seen.state == SlotState::empty) continue;
    if (seen.state != SlotState::whole) {
      ++out.unreadable;
      continue;
    }
    out.events.push_back({seen.index, participant, seen.event});
  }
  out.written = ring.head.next.load(std::memory_order_relaxed);
  // Slots hold half of an index; the head, which is ahead of them all, gives the other.
  for (auto& one : out.events) {
    one.index = out.written - static_cast<std::uint32_t>(out.written - one.index);
  }
  std::sort(out.events.begin(), out.events.end(),
            [](const Recorded& a, const Recorded& b) { return a.index < b.index; });
  return out;
}

TapReader::TapReader(const segment::View& view) noexcept
    : view_(&view), next_(view.tap().head.next.load(std::memory_order_relaxed)) {}

void TapReader::skip_to(std::uint64_t index) noexcept {
  skipped_ += index - next_;
  next_ = index;
}

std::optional<Event> TapReader::next(std::uint64_t now_ns) noexcept {
  const auto& tap = view_->tap();
  // Bounded: each turn but the last skips at least one of at most tap_slots events.
  for (std::uint32_t turn = 0; turn <= layout::tap_slots; ++turn) {
    const std::uint64_t head = tap.head.next.load(std::memory_order_relaxed);
    if (head == next_) return std::nullopt;
    if (head - next_ > (1ULL << 63U)) {  // it went backwards: somebody scribbled
      next_ = head;
      return std::nullopt;
    }
    if (head - next_ > layout::tap_slots) skip_to(head - layout::tap_slots);
    const SlotCopy seen = copy(tap.slot[next_ % layout::tap_slots]);
    const std::uint32_t ahead = seen.index - static_cast<std::uint32_t>(next_);
    const bool older = seen.state == SlotState::empty || ahead > (1U << 31U);
    if (seen.state == SlotState::whole && ahead == 0) {
      ++next_;
      unfinished_since_ns_ = 0;
      return seen.event;
    }
    if (older || (seen.state == SlotState::writing && ahead == 0)) {
      if (unfinished_since_ns_ == 0) unfinished_since_ns_ = std::max<std::uint64_t>(now_ns, 1);
      if (now_ns - unfinished_since_ns_ < unfinished_ns_max) return std::nullopt;
    }
    skip_to(next_ + 1);
  }
  return std::nullopt;
}

std::optional<std::vector<std::byte>> TapReader::request_of(const Event& event) const {
  if (event.bytes_in <= event.excerpt.size()) {
    const auto start = event.request_start();
    return std::vector<std::byte>(start.begin(), start.end());
  }
  if (event.spilled == 0) return std::nullopt;
  const std::uint32_t position = event.spilled - 1;
  const auto& spill = view_->tap().spill;
  const auto word = [&](std::uint64_t i) {
    return spill[spill_index(position, i)].load(std::memory_order_relaxed);
  };
  const std::uint64_t sum = word(0);
  const std::uint64_t bytes = word(1);
  if (bytes > layout::tap_payload_bytes_max || bytes > event.bytes_in) return std::nullopt;
  std::vector<std::byte> out(bytes);
  SpillSum mine(position);
  mine.add(bytes);
  for (std::size_t at = 0; at < bytes; at += 8) {
    const std::uint64_t piece = word(spill_head_words + at / 8);
    mine.add(piece);
    std::memcpy(out.data() + at, &piece, std::min<std::size_t>(8, bytes - at));
  }
  if (mine.value() != sum) return std::nullopt;
  return out;
}

}  // namespace shmbus::recorder
