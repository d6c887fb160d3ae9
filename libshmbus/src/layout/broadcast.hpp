// Events: a topic for each name, and broadcast lanes, rings of one publisher to all subscribers
// of a topic.
//
//   topic              writer                      content
//   0x000  T0          sleepers, publishers        parked; lanes, a hint
//   0x040  T1          RMW                         the event count that subscribers sleep on
//   0x080  T2, T3      CAS                         a word for each subscriber: who, how it reads
//
//   broadcast lane     writer                      content
//   0x000  B0          publisher                   oldest; parked (read with each event)
//   0x040  B1          RMW                         the event count that the publisher sleeps on
//   0x080  B2          publisher, before attached  shape: where its memory is
//   0x0C0  B3          publisher                   counters; published hints at the newest event
//   0x100  R[j]        subscriber j of the topic   position, counters
//
// The memory of a lane lies in extents that are leased to the lane itself, so that its last events
// outlive its publisher: an index, then slots of one size. Slot words are linked: event k names the
// slot where k + 1 will appear. The index finds the slot of any event that is left:
//
//   publisher: payload ─► index[k] = {k, slot} ─► slot word = {k, next slot}       committed
//
// A slot is used again when its event is older than `oldest`, no subscriber that holds is at or
// before it, and no position names it:
//
//   publisher:  oldest = L;     full fence; read subscribers and positions
//   subscriber: position = k;   fence;      k < oldest? then it was missed: go to oldest
//
// So what a subscriber looks at is never overwritten, and a slow one holds up nobody.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "layout/lane.hpp"
#include "layout/limits.hpp"

namespace shmbus::layout {

struct alignas(line_bytes) TopicHints {  // T0
  Word32 parked;                         ///< 1: a subscriber may be asleep
  Word32 lanes;                          ///< bumped when a lane was attached
  std::array<std::uint8_t, 56> pad;
};

struct alignas(line_bytes) TopicEvents {  // T1
  Word32 count;                           ///< futex
  std::array<std::uint8_t, 60> pad;
};

struct Topic {
  TopicHints hints;                                 // 0x000
  TopicEvents events;                               // 0x040
  std::array<Word64, subscribers_max> subscribers;  // 0x080 SubscriberWord
};

struct alignas(line_bytes) BroadcastBounds {  // B0
  Word64 oldest;                              ///< events before this one may be overwritten
  Word32 parked;                              ///< 1: the publisher waits for room
  std::array<std::uint8_t, 52> pad;
};

struct alignas(line_bytes) BroadcastEvents {  // B1
  Word32 count;                               ///< futex
  std::array<std::uint8_t, 60> pad;
};

struct alignas(line_bytes) BroadcastShape {  // B2
  Word32 first_extent;
  Word32 extents;
  Word32 slot_bytes;
  Word32 slots;
  Word32 keep;        ///< so many of the last events are left to later subscribers
  Word32 uid;         ///< whose quota it counts against
  Word32 fence_each;  ///< 1: its publisher has no membarrier, subscribers fence themselves
  std::array<std::uint8_t, 36> pad;
};

struct alignas(line_bytes) BroadcastCounters {  // B3
  Word64 published;                             ///< seq of the newest event
  Word64 bytes;
  Word64 waits;    ///< for subscribers that hold
  Word64 wait_ns;  ///< in all of them
  Word64 refused;  ///< events that were not published: no room in time
  std::array<std::uint8_t, 24> pad;
};

struct alignas(line_bytes) BroadcastReader {  // R[j]
  Word64 position;                            ///< the event that it looks at or waits for
  Word64 delivered;
  Word64 missed;
  std::array<std::uint8_t, 40> pad;
};

struct Broadcast {
  BroadcastBounds bounds;                                // 0x000
  BroadcastEvents events;                                // 0x040
  BroadcastShape shape;                                  // 0x080
  BroadcastCounters counters;                            // 0x0C0
  std::array<BroadcastReader, subscribers_max> readers;  // 0x100
};

/// One event; its payload follows. Slots begin at a line.
struct EventSlot {
  Word64 word;       ///< EventWord
  Word32 bytes;      ///< of the payload
  Word32 publisher;  ///< the bits of a ParticipantId
};

inline constexpr std::size_t event_payload_offset = sizeof(EventSlot);

static_assert(sizeof(Topic) == 0x100 && offsetof(Topic, subscribers) == 0x80);
static_assert(sizeof(Broadcast) == 0x100 + 64 * subscribers_max);
static_assert(offsetof(Broadcast, shape) == 0x80 && offsetof(Broadcast, counters) == 0xC0);
static_assert(sizeof(EventSlot) == 16);

}  // namespace shmbus::layout
