// The structures and words of events, for `shmbus layout`.
#include "cli/layout_model.hpp"
#include "cli/layout_shape.hpp"
#include "layout/broadcast.hpp"
#include "layout/event_words.hpp"

namespace shmbus::cli {

namespace {
constexpr std::uint32_t all32 = ~0U;
constexpr std::uint64_t all64 = ~0ULL;
}  // namespace

std::vector<Shape> event_structs() {
  return {
      SHAPE(Topic, FIELD(Topic, hints), FIELD(Topic, events), FIELD(Topic, subscribers)),
      SHAPE(TopicHints, FIELD(TopicHints, parked), FIELD(TopicHints, lanes)),
      SHAPE(TopicEvents, FIELD(TopicEvents, count)),
      SHAPE(Broadcast, FIELD(Broadcast, bounds), FIELD(Broadcast, events), FIELD(Broadcast, shape),
            FIELD(Broadcast, counters), FIELD(Broadcast, readers)),
      SHAPE(BroadcastBounds, FIELD(BroadcastBounds, oldest), FIELD(BroadcastBounds, parked)),
      SHAPE(BroadcastEvents, FIELD(BroadcastEvents, count)),
      SHAPE(BroadcastShape, FIELD(BroadcastShape, first_extent), FIELD(BroadcastShape, extents),
            FIELD(BroadcastShape, slot_bytes), FIELD(BroadcastShape, slots),
            FIELD(BroadcastShape, keep), FIELD(BroadcastShape, uid),
            FIELD(BroadcastShape, fence_each)),
      SHAPE(BroadcastCounters, FIELD(BroadcastCounters, published), FIELD(BroadcastCounters, bytes),
            FIELD(BroadcastCounters, waits), FIELD(BroadcastCounters, wait_ns),
            FIELD(BroadcastCounters, refused)),
      SHAPE(BroadcastReader, FIELD(BroadcastReader, position), FIELD(BroadcastReader, delivered),
            FIELD(BroadcastReader, missed)),
      SHAPE(EventSlot, FIELD(EventSlot, word), FIELD(EventSlot, bytes),
            FIELD(EventSlot, publisher)),
  };
}

std::vector<PackedWord> event_words() {
  using namespace layout;  // NOLINT: a table of its names
  const ParticipantId nobody{};
  const ParticipantId everybody{0xFFFFFF};
  const auto lane = [](std::uint32_t gen, ParticipantId party, std::uint32_t name,
                       std::uint32_t state) {
    return BroadcastWord::make(gen, party, name, static_cast<BroadcastState>(state)).bits;
  };
  return {
      {"BroadcastWord",
       {{"state", lane(0, nobody, 0, 0xFF)},
        {"name", lane(0, nobody, all32, 0)},
        {"party", lane(0, everybody, 0, 0)},
        {"gen", lane(all32, nobody, 0, 0)}}},
      {"SubscriberWord",
       {{"mode", SubscriberWord::make(nobody, static_cast<SubscriberMode>(0xFF)).bits},
        {"party", SubscriberWord::make(everybody, SubscriberMode::free).bits}}},
      {"EventWord",
       {{"slot", EventWord::make(0, all32).bits}, {"seq", EventWord::make(all64, 0).bits}}},
  };
}

}  // namespace shmbus::cli
