#include "words/broadcasts.hpp"

#include <algorithm>

#include "base/testpoint.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "words/extents.hpp"
#include "words/quota.hpp"
#include "words/subscribers.hpp"

namespace shmbus::broadcast {

using layout::Broadcast;
using layout::BroadcastState;
using layout::BroadcastWord;
using layout::ExtentWord;
using layout::ParticipantId;

namespace {

/// Beside the events that are kept: the next one, one for each position, and some to fill.
constexpr std::uint32_t spare_slots = layout::subscribers_max + 8;

constexpr std::uint64_t index_bytes(std::uint32_t slots) noexcept {
  const std::uint64_t bytes = std::bit_ceil(std::uint64_t{slots}) * sizeof(layout::Word64);
  return (bytes + layout::line_bytes - 1) / layout::line_bytes * layout::line_bytes;
}

constexpr std::uint64_t memory_bytes(std::uint32_t slots, std::uint32_t slot_bytes) noexcept {
  return index_bytes(slots) + std::uint64_t{slots} * slot_bytes;
}

/// As many as there is room for.
std::uint32_t slots_in(std::uint64_t bytes, std::uint32_t slot_bytes) noexcept {
  auto slots = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bytes / slot_bytes, layout::event_slots_max));
  while (slots > 0 && memory_bytes(slots, slot_bytes) > bytes) --slots;
  return slots;
}

bool move_word(const segment::View& view, std::uint32_t lane, BroadcastWord expected,
               BroadcastWord next) noexcept {
  // SYNC broadcast.word
  return view.broadcast_word(lane).compare_exchange_strong(
      expected.bits, next.bits, std::memory_order_acq_rel, std::memory_order_relaxed);
}

ExtentWord load_extent(const segment::View& view, std::uint32_t i) noexcept {
  return {view.extent_word(i).load(std::memory_order_acquire)};  // SYNC extent.lease
}

bool move_extent(const segment::View& view, std::uint32_t i, ExtentWord seen,
                 ExtentWord next) noexcept {
  // SYNC extent.lease
  return view.extent_word(i).compare_exchange_strong(
      seen.bits, next.bits, std::memory_order_acq_rel, std::memory_order_relaxed);
}

/// releasing ──► free, its extents first. Any process, any number of times: an extent that was
/// freed and leased again meanwhile has another word.
void finish_release(const segment::View& view, std::uint32_t lane) noexcept {
  const ParticipantId owner = layout::broadcast_party(lane);
  const BroadcastWord word = load_word(view, lane);
  if (word.state() != BroadcastState::releasing) return;
  SHMBUS_TESTPOINT("broadcast.releasing");
  for (std::uint32_t i = 0; i < view.capacities().extents; ++i) {
    const ExtentWord seen = load_extent(view, i);
    if (seen.party() != owner) continue;
    if (load_word(view, lane).bits != word.bits) return;
    (void)move_extent(view, i, seen, ExtentWord::make({}, seen.gen() + 1));
    SHMBUS_TESTPOINT("broadcast.extent_freed");
  }
  (void)move_word(view, lane, word, word.freed());
}

bool release(const segment::View& view, std::uint32_t lane, BroadcastWord seen) noexcept {
  if (!move_word(view, lane, seen, seen.with_state(BroadcastState::releasing))) return false;
  finish_release(view, lane);
  return true;
}

void announce_lane(const segment::View& view, std::uint32_t topic) noexcept {
  auto& shared = view.topic(topic);
  shared.hints.lanes.fetch_add(1, std::memory_order_acq_rel);  // SYNC topic.lanes
  wait::bump_and_wake(shared.events.count);
}

/// evicting ──► releasing or retired; releasing ──► free.
void settle(const Attachment& bus, std::uint32_t lane) noexcept {
  const BroadcastWord seen = load_word(bus.view, lane);
  if (seen.state() == BroadcastState::evicting) {
    wait::detail::full_fence();  // SYNC topic.join: a joiner sees this word, or we see the joiner
    if (!SHMBUS_MISTAKE("evict.blind") && has_subscribers(bus, seen.name())) {
      if (move_word(bus.view, lane, seen, seen.spared())) announce_lane(bus.view, seen.name());
      return;
    }
    (void)move_word(bus.view, lane, seen, seen.with_state(BroadcastState::releasing));
  }
  finish_release(bus.view, lane);
}

/// Frees it unless its topic has subscribers. True when it is free.
bool evict(const Attachment& bus, std::uint32_t lane, BroadcastWord seen) noexcept {
  if (!move_word(bus.view, lane, seen, seen.with_state(BroadcastState::evicting))) return false;
  SHMBUS_TESTPOINT("broadcast.evicting");
  settle(bus, lane);
  return load_word(bus.view, lane).state() == BroadcastState::free;
}

/// Its publisher has left it, or died. Nobody need have recovered that one.
bool left(const Attachment& bus, BroadcastWord seen) noexcept {
  return seen.state() == BroadcastState::retired ||
         (seen.state() == BroadcastState::attached && bus.dead(seen.party()));
}

/// Frees a lane that only keeps the last events of a topic that nobody reads, or that a publisher
/// died while it made it.
bool evict_one(const Attachment& bus) noexcept {
  for (std::uint32_t lane = 0; lane < bus.view.capacities().broadcasts; ++lane) {
    settle(bus, lane);
    const BroadcastWord seen = load_word(bus.view, lane);
    if (seen.state() == BroadcastState::allocating && bus.dead(seen.party())) {
      if (release(bus.view, lane, seen)) return true;
      continue;
    }
    if (!left(bus, seen) || has_subscribers(bus, seen.name())) continue;
    if (evict(bus, lane, seen)) return true;
  }
  return false;
}

std::optional<std::uint32_t> take_free_lane(const Attachment& bus, std::uint32_t name) noexcept {
  for (std::uint32_t lane = 0; lane < bus.view.capacities().broadcasts; ++lane) {
    const BroadcastWord seen = load_word(bus.view, lane);
    if (seen.state() != BroadcastState::free) continue;
    const auto mine = BroadcastWord::make(seen.gen(), bus.me, name, BroadcastState::allocating);
    if (move_word(bus.view, lane, seen, mine)) return lane;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> take_lane(const Attachment& bus, std::uint32_t name) noexcept {
  do {
    if (const auto lane = take_free_lane(bus, name)) return lane;
  } while (evict_one(bus));
  return std::nullopt;
}

/// From this participant to its lane. False when one of them is not ours any more.
bool hand_to_lane(const Attachment& bus, std::uint32_t lane, std::uint32_t first,
                  std::uint32_t count) noexcept {
  for (std::uint32_t i = first; i < first + count; ++i) {
    const ExtentWord seen = load_extent(bus.view, i);
    const auto next = ExtentWord::make(layout::broadcast_party(lane), seen.gen());
    if (seen.party() != bus.me || !move_extent(bus.view, i, seen, next)) return false;
    SHMBUS_TESTPOINT("broadcast.extent_leased");
  }
  return true;
}

struct Shape {
  std::uint32_t first_extent = 0;
  std::uint32_t extents = 0;
  std::uint32_t slots = 0;
};

/// Stores what subscribers need to know, and clears what they will look at.
void prepare(const Attachment& bus, std::uint32_t lane, const Wanted& wanted,
             const Shape& shape) noexcept {
  Broadcast& shared = bus.view.broadcast(lane);
  shared.shape.first_extent.store(shape.first_extent, std::memory_order_relaxed);
  shared.shape.extents.store(shape.extents, std::memory_order_relaxed);
  shared.shape.slot_bytes.store(wanted.slot_bytes, std::memory_order_relaxed);
  shared.shape.slots.store(shape.slots, std::memory_order_relaxed);
  shared.shape.keep.store(wanted.keep, std::memory_order_relaxed);
  shared.shape.fence_each.store(wanted.fence_each ? 1 : 0, std::memory_order_relaxed);
  shared.bounds.oldest.store(1, std::memory_order_relaxed);
  shared.bounds.parked.store(0, std::memory_order_relaxed);
  for (auto* counter : {&shared.counters.published, &shared.counters.bytes, &shared.counters.waits,
                        &shared.counters.wait_ns, &shared.counters.refused}) {
    counter->store(0, std::memory_order_relaxed);
  }
  for (auto& reader : shared.readers) {
    for (auto* word : {&reader.position, &reader.delivered, &reader.missed}) {
      word->store(0, std::memory_order_relaxed);
    }
  }
  const auto memory = Memory::of(bus.view, lane);
  if (!memory) return;  // its first use will say so
  for (std::uint64_t i = 0; i <= memory->index_mask(); ++i) {
    memory->index(i).store(0, std::memory_order_relaxed);
  }
  for (std::uint32_t i = 0; i < memory->slots(); ++i) {
    memory->slot(i).word.store(0, std::memory_order_relaxed);
  }
}

tl::unexpected<Error> no_lane() noexcept {
  return fail(ErrorKind::limit_reached,
              "no free broadcast lane: each publisher has one, and each topic that is read keeps "
              "those of publishers that left; create the bus with larger capacities.broadcasts");
}

tl::unexpected<Error> no_memory(const Attachment& bus, std::uint64_t bytes) noexcept {
  if (quota::exceeded(bus, quota::Of::extents)) return quota::reached(bus, quota::Of::extents);
  Error error{ErrorKind::limit_reached, 0, 0, {}};
  error.message.append("no room for ")
      .append(bytes)
      .append(
          " bytes of events side by side: keep fewer or smaller ones, or create the bus with "
          "larger capacities.extents or extent_bytes");
  return tl::unexpected<Error>(error);
}

/// The fewest extents that hold what is wanted. None when no bus of this shape does.
Shape shape_for(const Attachment& bus, const Wanted& wanted) noexcept {
  const std::uint64_t extent_bytes = bus.view.capacities().extent_bytes;
  const std::uint64_t slots = std::uint64_t{wanted.keep} + spare_slots;
  if (slots > layout::event_slots_max) return {};
  const auto bytes = memory_bytes(static_cast<std::uint32_t>(slots), wanted.slot_bytes);
  const std::uint64_t extents = (bytes + extent_bytes - 1) / extent_bytes;
  if (extents > bus.view.capacities().extents) return {};
  return {0, static_cast<std::uint32_t>(extents),
          slots_in(extents * extent_bytes, wanted.slot_bytes)};
}

/// One that is ours to make: dead publishers' lanes and retired ones of that name and shape.
bool adoptable(const Attachment& bus, std::uint32_t lane, BroadcastWord seen,
               const Wanted& wanted) noexcept {
  if (!seen.readable() || seen.name() != wanted.name) return false;
  if (seen.state() == BroadcastState::attached && !bus.dead(seen.party())) return false;
  const auto& shape = bus.view.broadcast(lane).shape;
  if (wanted.fence_each && shape.fence_each.load(std::memory_order_relaxed) == 0) return false;
  return shape.slot_bytes.load(std::memory_order_relaxed) == wanted.slot_bytes &&
         shape.slots.load(std::memory_order_relaxed) >= std::uint64_t{wanted.keep} + spare_slots;
}

}  // namespace

BroadcastWord load_word(const segment::View& view, std::uint32_t lane) noexcept {
  // SYNC broadcast.word
  return {view.broadcast_word(lane).load(std::memory_order_acquire)};
}

std::uint32_t slot_bytes_for(std::size_t payload_bytes) noexcept {
  constexpr std::size_t most = layout::extent_bytes_max;
  if (payload_bytes > most) return 0;
  const std::size_t bytes = payload_bytes + layout::event_payload_offset;
  return static_cast<std::uint32_t>((bytes + layout::line_bytes - 1) / layout::line_bytes *
                                    layout::line_bytes);
}

Memory::Memory(std::byte* begin, std::uint32_t slots, std::uint32_t slot_bytes) noexcept
    : index_(reinterpret_cast<layout::Word64*>(begin)),
      first_slot_(begin + index_bytes(slots)),
      index_mask_(std::bit_ceil(std::uint64_t{slots}) - 1),
      slots_(slots),
      slot_bytes_(slot_bytes) {}

std::optional<Memory> Memory::of(const segment::View& view, std::uint32_t lane) noexcept {
  const auto& shape = view.broadcast(lane).shape;
  const std::uint64_t first = shape.first_extent.load(std::memory_order_relaxed);
  const std::uint64_t extents = shape.extents.load(std::memory_order_relaxed);
  const std::uint32_t slots = shape.slots.load(std::memory_order_relaxed);
  const std::uint32_t slot_bytes = shape.slot_bytes.load(std::memory_order_relaxed);
  const auto& all = view.capacities();
  if (slots == 0 || slots > layout::event_slots_max || slot_bytes < layout::line_bytes ||
      slot_bytes % layout::line_bytes != 0 || extents == 0 || first + extents > all.extents ||
      memory_bytes(slots, slot_bytes) > extents * all.extent_bytes) {
    return std::nullopt;
  }
  for (std::uint64_t i = first; i < first + extents; ++i) {
    if (load_extent(view, static_cast<std::uint32_t>(i)).party() != layout::broadcast_party(lane)) {
      return std::nullopt;
    }
  }
  return Memory(view.extents() + first * all.extent_bytes, slots, slot_bytes);
}

Result<std::uint32_t> allocate(const Attachment& bus, const Wanted& wanted) noexcept {
  Shape shape = shape_for(bus, wanted);
  if (shape.extents == 0) {
    return no_memory(bus, memory_bytes(std::min(wanted.keep, layout::event_slots_max) + spare_slots,
                                       wanted.slot_bytes));
  }
  const auto lane = take_lane(bus, wanted.name);
  if (!lane) return no_lane();
  SHMBUS_TESTPOINT("broadcast.allocating");
  // From here on its extents count against our quota.
  bus.view.broadcast(*lane).shape.uid.store(quota::own_user(), std::memory_order_relaxed);
  const BroadcastWord mine = load_word(bus.view, *lane);
  std::optional<std::uint32_t> first;
  do {
    first = payload::lease(bus, shape.extents);
  } while (!first && !quota::exceeded(bus, quota::Of::extents) && evict_one(bus));
  if (!first) {
    (void)release(bus.view, *lane, mine);
    return no_memory(bus, memory_bytes(shape.slots, wanted.slot_bytes));
  }
  shape.first_extent = *first;
  if (!hand_to_lane(bus, *lane, *first, shape.extents)) {
    payload::give_back(bus, *first, shape.extents);
    (void)release(bus.view, *lane, mine);
    return no_memory(bus, memory_bytes(shape.slots, wanted.slot_bytes));
  }
  prepare(bus, *lane, wanted, shape);
  return *lane;
}

std::optional<std::uint32_t> adopt(const Attachment& bus, const Wanted& wanted) noexcept {
  for (std::uint32_t lane = 0; lane < bus.view.capacities().broadcasts; ++lane) {
    const BroadcastWord seen = load_word(bus.view, lane);
    if (!adoptable(bus, lane, seen, wanted)) continue;
    const auto mine =
        BroadcastWord::make(seen.gen(), bus.me, wanted.name, BroadcastState::attached);
    if (!move_word(bus.view, lane, seen, mine)) continue;
    SHMBUS_TESTPOINT("broadcast.adopted");
    bus.view.broadcast(lane).shape.keep.store(wanted.keep, std::memory_order_relaxed);
    announce_lane(bus.view, wanted.name);  // its first publisher may have died before it did
    return lane;
  }
  return std::nullopt;
}

void attach(const Attachment& bus, std::uint32_t lane) noexcept {
  const BroadcastWord mine = load_word(bus.view, lane);
  (void)move_word(bus.view, lane, mine, mine.with_state(BroadcastState::attached));
  SHMBUS_TESTPOINT("broadcast.attached");
  announce_lane(bus.view, mine.name());
}

void retire(const Attachment& bus, std::uint32_t lane) noexcept {
  const BroadcastWord mine = load_word(bus.view, lane);
  if (mine.state() != BroadcastState::attached || mine.party() != bus.me) return;
  const auto& counters = bus.view.broadcast(lane).counters;
  if (counters.published.load(std::memory_order_relaxed) == 0 &&
      !has_subscribers(bus, mine.name())) {
    (void)evict(bus, lane, mine);
    return;
  }
  (void)move_word(bus.view, lane, mine, mine.with_state(BroadcastState::retired));
}

void recover(const Attachment& bus, ParticipantId party) noexcept {
  drop_subscribers_of(bus.view, party);
  for (std::uint32_t lane = 0; lane < bus.view.capacities().broadcasts; ++lane) {
    const BroadcastWord seen = load_word(bus.view, lane);
    if (seen.party() == party && seen.state() == BroadcastState::allocating) {
      (void)release(bus.view, lane, seen);
    } else if (seen.party() == party && seen.state() == BroadcastState::attached) {
      (void)move_word(bus.view, lane, seen, seen.with_state(BroadcastState::retired));
    }
    settle(bus, lane);
  }
}

bool names(const segment::View& view, ParticipantId party) noexcept {
  for (std::uint32_t lane = 0; lane < view.capacities().broadcasts; ++lane) {
    const BroadcastWord seen = load_word(view, lane);
    if (seen.party() == party &&
        (seen.state() == BroadcastState::allocating || seen.state() == BroadcastState::attached)) {
      return true;
    }
  }
  return subscribers_name(view, party);
}

}  // namespace shmbus::broadcast
