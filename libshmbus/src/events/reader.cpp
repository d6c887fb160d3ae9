#include "events/reader.hpp"

#include <algorithm>

#include "base/testpoint.hpp"

namespace shmbus::events {

using layout::EventWord;

namespace {
constexpr int catch_up_tries = 1000;  // each lost to a publisher that went on by a batch meanwhile
}  // namespace

Reader::Reader(const Attachment& bus, std::uint32_t lane, std::uint32_t place,
               const broadcast::Memory& memory, WhenSlow mode) noexcept
    : shared_(&bus.view.broadcast(lane)),
      own_(&shared_->readers[place]),
      memory_(memory),
      lane_(lane),
      mode_(mode),
      fence_each_(shared_->shape.fence_each.load(std::memory_order_relaxed) != 0) {
  own_->delivered.store(0, std::memory_order_relaxed);
  own_->missed.store(0, std::memory_order_relaxed);
}

std::optional<Reader> Reader::start(const Attachment& bus, std::uint32_t lane, std::uint32_t place,
                                    WhenSlow mode, From from) noexcept {
  const auto memory = broadcast::Memory::of(bus.view, lane);
  if (!memory) return std::nullopt;
  Reader reader(bus, lane, place, *memory, mode);
  const std::uint64_t newest = reader.newest();
  if (newest >= layout::CellWord::seq_max) return std::nullopt;
  // SYNC broadcast.oldest
  const std::uint64_t oldest = reader.shared_->bounds.oldest.load(std::memory_order_acquire);
  std::uint64_t first = newest + 1;
  if (from == From::latest) first = std::max<std::uint64_t>(newest, 1);
  if (from == From::oldest) first = std::clamp<std::uint64_t>(oldest, 1, newest + 1);
  if (!reader.begin_at(first)) return std::nullopt;
  return reader;
}

std::optional<Reader> Reader::follow(const Attachment& bus, std::uint32_t lane, std::uint32_t place,
                                     WhenSlow mode) noexcept {
  const auto memory = broadcast::Memory::of(bus.view, lane);
  if (!memory) return std::nullopt;
  Reader reader(bus, lane, place, *memory, mode);
  reader.move_to(1);
  return reader;
}

/// The newest event. What `published` says may be an event or two late.
std::uint64_t Reader::newest() const noexcept {
  // SYNC event.published
  std::uint64_t seq = shared_->counters.published.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < memory_.slots() && locate(seq + 1); ++i) ++seq;
  return seq;
}

/// Where an event lies, if it is there.
std::optional<Reader::Found> Reader::locate(std::uint64_t seq) const noexcept {
  const EventWord entry{memory_.index(seq).load(std::memory_order_relaxed)};
  if (entry.seq() != seq || entry.slot() >= memory_.slots()) return std::nullopt;
  // SYNC event.slot
  const EventWord word{memory_.slot(entry.slot()).word.load(std::memory_order_acquire)};
  if (word.seq() != seq || word.slot() >= memory_.slots()) return std::nullopt;
  return Found{entry.slot(), word};
}

bool Reader::begin_at(std::uint64_t seq) noexcept {
  if (const auto found = locate(seq)) {
    slot_ = found->slot;
  } else if (seq == 1) {
    slot_ = 0;  // the first event is to come
  } else {
    const auto before = locate(seq - 1);
    if (!before) return false;
    slot_ = before->word.slot();
  }
  seq_ = seq;
  move_to(seq);
  return true;
}

/// The publisher has given up the event at our position: goes on with the oldest that is left. Our
/// position keeps that one's slot, not its place in the index: a publisher that comes round before
/// we have looked there takes it for a later event, and has a newer bound by then.
Reader::Poll Reader::catch_up() noexcept {
  bool found_none = false;
  for (int i = 0; i < catch_up_tries; ++i) {
    // SYNC broadcast.oldest
    const std::uint64_t oldest = shared_->bounds.oldest.load(std::memory_order_acquire);
    if (oldest <= seq_ || oldest > layout::CellWord::seq_max) return Poll::damaged;
    move_to(oldest);
    SHMBUS_TESTPOINT("event.caught_up");
    // SYNC broadcast.oldest: given up once more, or ours from here on
    if (shared_->bounds.oldest.load(std::memory_order_acquire) != oldest &&
        !SHMBUS_MISTAKE("oldest.once")) {
      continue;
    }
    const auto found = locate(oldest);
    found_none = !found;
    if (found_none && !SHMBUS_MISTAKE("index.kept")) continue;
    if (found_none) return Poll::damaged;
    missed_ += oldest - seq_;
    own_->missed.store(missed_, std::memory_order_relaxed);
    seq_ = oldest;
    slot_ = found->slot;
    return take(found->word);
  }
  return found_none ? Poll::damaged : Poll::nothing;  // nothing: another time
}

Reader::Poll Reader::take(EventWord word) noexcept {
  bytes_ = memory_.slot(slot_).bytes.load(std::memory_order_relaxed);
  next_slot_ = word.slot();
  if (next_slot_ >= memory_.slots() || bytes_ > memory_.payload_max()) [[unlikely]]
    return Poll::damaged;
  return Poll::event;
}

}  // namespace shmbus::events
