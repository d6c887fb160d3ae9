#include "recorder/ring.hpp"

#include "base/testpoint.hpp"

namespace shmbus::recorder {

void put(layout::RecorderHead& head, std::span<layout::RecorderSlot> slots,
         const Event& event) noexcept {
  EventWords words = pack(event);
  const std::uint64_t index = head.next.fetch_add(1, std::memory_order_relaxed);
  auto& slot = slots[index & (slots.size() - 1)];
  std::uint64_t writing = SlotWord::make(index, 0).bits;
  slot.word[0].store(writing, std::memory_order_relaxed);
  SHMBUS_TESTPOINT("recorder.claimed");
  for (std::size_t i = 1; i < words.size(); ++i) {
    // SYNC recorder.field: the process that reads this reads {index, 0} or later afterwards.
    slot.word[i].store(words[i], std::memory_order_release);
  }
  SHMBUS_TESTPOINT("recorder.filled");
  // SYNC recorder.slot: the event is whole. Not when another has claimed the slot meanwhile.
  slot.word[0].compare_exchange_strong(writing, SlotWord::make(index, checksum(words, index)).bits,
                                       std::memory_order_release, std::memory_order_relaxed);
}

SlotCopy copy(const layout::RecorderSlot& slot) noexcept {
  SlotCopy out;
  const SlotWord before{slot.word[0].load(std::memory_order_acquire)};  // SYNC recorder.slot
  out.index = before.index();
  if (before.bits == 0) return out;
  if (before.checksum() == 0) {
    out.state = SlotState::writing;
    return out;
  }
  EventWords words{};
  for (std::size_t i = 1; i < words.size(); ++i) {
    words[i] = slot.word[i].load(std::memory_order_acquire);  // SYNC recorder.field
  }
  const bool stood = slot.word[0].load(std::memory_order_relaxed) == before.bits;
  if (!stood || checksum(words, before.index()) != before.checksum()) {
    out.state = SlotState::torn;
    return out;
  }
  out.state = SlotState::whole;
  out.event = unpack(words);
  return out;
}

}  // namespace shmbus::recorder
