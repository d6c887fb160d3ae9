// The flight recorder: what happened lately, kept by each participant in a ring of its own, and
// the tap, one larger ring that is written only while somebody looks.
//
//   RecorderRing  one for each slot. Any thread of the participant writes, and the process that
//   recovers
//                 it when it is dead. Not cleared when the slot is taken again: an event names its
//                 parties with their epochs, so those of an earlier holder can be told apart.
//   Tap           one. Every handler writes while a tap is attached; nobody else.
//
// A slot is claimed by one fetch_add on the ring's head and moved by its first word:
//
//   {index, 0} being written ──fields──► {index, checksum} whole
//
// A writer killed half way leaves {index, 0} until the ring comes round; readers skip it. A writer
// that was overtaken by a whole lap spoils a slot that is another's by now: its checksum tells.
// Nobody ever waits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "layout/lane.hpp"
#include "layout/limits.hpp"

namespace shmbus::layout {

inline constexpr std::uint32_t recorder_slots = 32;
inline constexpr std::uint32_t tap_slots = 1024;
inline constexpr std::uint32_t tap_spill_bytes = 256 * 1024;
inline constexpr std::uint32_t event_excerpt_bytes = 32;  // of the request, in the event itself
inline constexpr std::uint32_t tap_payload_bytes_max = 16 * 1024;  // of one request

/// Words of an event; 0 moves it.
///   0 index 32, checksum 32 | 1 kind 8, flags 8, outcome 16, record 16, lane 16 |
///   2 caller 24, handler 24, endpoint 16 | 3 started at, ticks | 4 duration, ns | 5 queued, ns |
///   6 bytes in 32, bytes out 32 | 7, 8 trace | 9 span | 10 parent span |
///   11..14 the first bytes of the request | 15 detail 32, spilled 32
struct alignas(line_bytes) RecorderSlot {
  std::array<Word64, 16> word;
};

struct alignas(line_bytes) RecorderHead {
  Word64 next;  ///< RMW: the index of the next event
  std::array<std::uint8_t, 56> pad;
};

struct RecorderRing {
  RecorderHead head;
  std::array<RecorderSlot, recorder_slots> slot;
};

/// Read by handlers now and then, so that it costs a call nothing; renewed by the process that
/// taps. A tap that is killed leaves a time that passes.
struct alignas(line_bytes) TapControl {
  Word64 wanted_until;   ///< clock ticks: every command is recorded until then
  Word64 payload_until;  ///< clock ticks: with its whole request
  std::array<std::uint8_t, 48> pad;
};

struct Tap {
  TapControl control;
  RecorderHead head;
  RecorderHead spill_head;  ///< in units of 64 B
  std::array<RecorderSlot, tap_slots> slot;
  /// Requests that are longer than an event's own excerpt: word 0 a checksum, word 1 how many
  /// bytes, then these, in words. The checksum tells what was overwritten meanwhile.
  std::array<Word64, tap_spill_bytes / 8> spill;
};

static_assert(sizeof(RecorderSlot) == 128 && sizeof(RecorderHead) == 64);
static_assert(sizeof(RecorderRing) == 64 + 32 * 128);
static_assert(sizeof(TapControl) == 64 && offsetof(TapControl, payload_until) == 8);
static_assert(offsetof(Tap, head) == 64 && offsetof(Tap, spill_head) == 128);
static_assert(offsetof(Tap, slot) == 192 && offsetof(Tap, spill) == 192 + 1024 * 128);

}  // namespace shmbus::layout
