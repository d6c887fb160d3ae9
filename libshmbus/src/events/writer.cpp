#include "events/writer.hpp"

#include <algorithm>

#include "base/testpoint.hpp"
#include "os/fence.hpp"

namespace shmbus::events {

using layout::EventWord;
using layout::SubscriberMode;
using layout::SubscriberWord;

std::optional<Writer> Writer::open(const Attachment& bus, std::uint32_t lane,
                                   const broadcast::Wanted& wanted, bool adopted) {
  const auto memory = broadcast::Memory::of(bus.view, lane);
  if (!memory) return std::nullopt;
  Writer writer(bus, lane, *memory, wanted);
  writer.free_.resize(memory->slots());
  writer.slot_of_.resize(memory->index_mask() + 1);
  writer.pinned_.reserve(memory->slots());
  if (!adopted) {
    writer.begin();
    return writer;
  }
  if (!writer.resume()) return std::nullopt;
  return writer;
}

void Writer::begin() {
  for (std::uint32_t slot = 1; slot < memory_.slots(); ++slot) put_free(slot);
}

/// The newest event that its publisher has committed before it left or died.
std::uint64_t Writer::newest_committed() const noexcept {
  std::uint64_t newest = 0;
  for (std::uint64_t i = 0; i <= memory_.index_mask(); ++i) {
    const EventWord entry{memory_.index(i).load(std::memory_order_relaxed)};
    if (entry.slot() >= memory_.slots() || entry.seq() <= newest) continue;
    // SYNC event.slot
    const EventWord word{memory_.slot(entry.slot()).word.load(std::memory_order_acquire)};
    if (word.seq() == entry.seq()) newest = entry.seq();
  }
  return newest;
}

/// The events that are left, down to the oldest that may be read, keep their slots. False when they
/// contradict one another.
bool Writer::find_left_events(std::uint64_t newest, std::vector<bool>& used) {
  const std::uint64_t first = std::max<std::uint64_t>(std::min(oldest_, floor_), 1);
  unfreed_ = newest + 1;
  for (std::uint64_t seq = newest; seq >= first && newest - seq < memory_.slots(); --seq) {
    const EventWord entry{memory_.index(seq).load(std::memory_order_relaxed)};
    if (entry.seq() != seq || entry.slot() >= memory_.slots() || used[entry.slot()]) break;
    // SYNC event.slot
    const EventWord word{memory_.slot(entry.slot()).word.load(std::memory_order_acquire)};
    if (word.seq() != seq) break;
    used[entry.slot()] = true;
    slot_of_[seq & memory_.index_mask()] = static_cast<std::uint16_t>(entry.slot());
    unfreed_ = seq;
    if (seq == newest) slot_ = word.slot();
  }
  return slot_ < memory_.slots() && !used[slot_];
}

/// Goes on where another publisher ended.
bool Writer::resume() {
  const std::uint64_t newest = SHMBUS_MISTAKE("resume.hint")
                                   ? shared_->counters.published.load(std::memory_order_relaxed)
                                   : newest_committed();
  oldest_ = shared_->bounds.oldest.load(std::memory_order_relaxed);
  if (newest >= layout::CellWord::seq_max - 1 || oldest_ > newest + 1) return false;
  (void)wait::sleeper_fence();
  look_at_subscribers();
  std::vector<bool> used(memory_.slots());
  if (!find_left_events(newest, used)) return false;
  used[slot_] = true;
  next_seq_ = newest + 1;
  bytes_ = shared_->counters.bytes.load(std::memory_order_relaxed);
  shared_->counters.published.store(newest, std::memory_order_release);  // SYNC event.published
  for (std::uint32_t slot = 0; slot < memory_.slots(); ++slot) {
    if (used[slot]) continue;
    const EventWord word{memory_.slot(slot).word.load(std::memory_order_relaxed)};
    if (word.seq() != 0 && pinned(word.seq())) {
      pinned_.push_back({word.seq(), slot});
    } else {
      put_free(slot);
    }
  }
  return true;
}

void Writer::look_at_subscribers() noexcept {
  position_count_ = 0;
  floor_ = ~0ULL;
  holder_.reset();
  for (std::uint32_t place = 0; place < layout::subscribers_max; ++place) {
    const SubscriberWord word = broadcast::load_subscriber(bus_->view, topic_, place);
    if (word.mode() == SubscriberMode::free) continue;
    if (SHMBUS_MISTAKE("join.unheld") && word.mode() == SubscriberMode::joining) continue;
    // SYNC event.position: what it looked at before, it has let go of
    const std::uint64_t position = shared_->readers[place].position.load(std::memory_order_acquire);
    if (!word.holds() || SHMBUS_MISTAKE("hold.skipped")) {
      positions_[position_count_++] = position;
      continue;
    }
    const std::uint64_t from = word.mode() == SubscriberMode::joining ? 0 : position;
    if (from >= floor_) continue;
    floor_ = from;
    holder_ = Holder{place, word, from};
  }
}

bool Writer::pinned(std::uint64_t seq) const noexcept {
  const auto* end = positions_.begin() + position_count_;
  return std::find(positions_.begin(), end, seq) != end;
}

void Writer::free_pinned() noexcept {
  std::erase_if(pinned_, [&](const Pinned& held) {
    if (pinned(held.seq)) return false;
    put_free(held.slot);
    return true;
  });
}

bool Writer::make_room() noexcept {
  const std::uint64_t newest = next_seq_ - 1;
  const std::uint64_t batch = std::max<std::uint64_t>(memory_.slots() / 2, 1);
  const std::uint64_t kept_from = newest >= keep_ ? newest - keep_ + 1 : 1;
  look_at_subscribers();
  const std::uint64_t wanted = std::min({kept_from, std::max(oldest_, unfreed_) + batch, floor_});
  if (wanted > oldest_) {
    oldest_ = wanted;
    shared_->bounds.oldest.store(oldest_, std::memory_order_release);  // SYNC broadcast.oldest
  }
  SHMBUS_TESTPOINT("event.oldest");
  // The membarrier takes microseconds, and is for subscribers that skip: one that joins uses a full
  // fence, and the position of one that holds only grows.
  bool seen = false;
  if (position_count_ == 0) {
    wait::detail::full_fence();  // SYNC topic.join
    look_at_subscribers();
    seen = position_count_ == 0;
  }
  if (!seen) {
    // SYNC broadcast.oldest: a subscriber sees the new bound, or we see its position
    seen = wait::sleeper_fence() || fence_each_;
    if (!seen) return has_room();  // the kernel had no memory for it: another time
    if (!SHMBUS_MISTAKE("position.stale")) look_at_subscribers();
  }
  for (; unfreed_ < std::min(oldest_, floor_); ++unfreed_) {
    const std::uint32_t slot = slot_of_[unfreed_ & memory_.index_mask()];
    if (pinned(unfreed_)) {
      pinned_.push_back({unfreed_, slot});
    } else {
      put_free(slot);
    }
  }
  free_pinned();
  return has_room();
}

}  // namespace shmbus::events
