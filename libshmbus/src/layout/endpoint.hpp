// An endpoint: where a handler process takes commands. Names lead to endpoints, a process owns an
// endpoint, so an owner can change under its callers without their noticing.
//
//   byte    line  writer             content
//   0x000   E0    RMW, rarely        control: who owns it, who stands by; draining: who owes
//   0x040   E1    owner              attention: is somebody to be woken? (read by every publish)
//   0x080   E2    RMW wakers         event count the owner sleeps on
//   0x0C0   E3    RMW producers      inbox: hint of the tail
//   0x100   E4    owner              inbox: head; totals; what it waits for; its workers
//   0x140   E5    owner              label
//
//   vacant ──CAS by a registrant──► active(holder, gen + 1, other journal slot)
//   active(holder) ──CAS by the holder, or by anyone who proved it dead and has finished
//                    recovering its lanes──► vacant(gen)
//   active(holder) ──CAS by one that wants the endpoint──► active(holder, standby)
//   active(holder, standby) ──CAS by the holder──► active(standby, same gen, other slot)
//   draining: 0 ──the holder, right before it gives the endpoint away──► {holder, its slot}
//             {holder, slot} ──by itself after its last answer, or by anyone who proved it dead and
//                              has told those who wait──► 0
//
// The inbox is an MPSC ring of 8-byte tickets. One CAS claims a slot and publishes the ticket, so
// a half-published ticket cannot exist and a producer that stops stalls nobody.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "layout/lane.hpp"
#include "layout/limits.hpp"

namespace shmbus::layout {

enum class Attention : std::uint32_t {
  awake = 0,
  parked = 1,  ///< bump the event count and wake it
  vacant = 2,  ///< nobody owns this endpoint
};

struct alignas(line_bytes) EndpointControl {  // E0
  Word64 control;                             ///< ControlWord
  Word64 draining;                            ///< DrainingWord: who still owes answers
  std::array<std::uint8_t, 48> pad;
};

namespace endpoint_flags {
inline constexpr std::uint32_t global_order = 1;
}

struct alignas(line_bytes) EndpointAttention {  // E1
  Word32 attention;                             ///< Attention
  Word32 flags;                                 ///< endpoint_flags
  Word32 parked_at;                             ///< the event count that the owner sleeps at
  std::array<std::uint8_t, 52> pad;
};

struct alignas(line_bytes) EndpointEvents {  // E2
  Word32 count;                              ///< futex
  std::array<std::uint8_t, 60> pad;
};

struct alignas(line_bytes) InboxTail {  // E3
  Word64 tail;                          ///< at or before the first empty slot
  std::array<std::uint8_t, 56> pad;
};

struct alignas(line_bytes) EndpointOwner {  // E4
  Word64 head;                              ///< inbox: at or before the first full slot
  Word64 commands;                          ///< started by all owners so far
  Word64 parks;
  Word64 wakes;
  Word64 died;       ///< commands whose handler died after it had started them
  Word64 waits_for;  ///< WaitWord: what the thread that serves waits for, in a handler; or 0
  Word64 waits_in;   ///< WaitWord: the command of that handler
  Word64 workers;    ///< WorkersWord
};

struct alignas(line_bytes) EndpointLabel {  // E5
  std::array<Word64, 8> text;
};

struct Endpoint {
  EndpointControl control;      // 0x000
  EndpointAttention attention;  // 0x040
  EndpointEvents events;        // 0x080
  InboxTail inbox_tail;         // 0x0C0
  EndpointOwner owner;          // 0x100
  EndpointLabel label;          // 0x140
};

static_assert(sizeof(Endpoint) == 0x180 && alignof(Endpoint) == 64);
static_assert(offsetof(Endpoint, attention) == 0x040 && offsetof(Endpoint, events) == 0x080);
static_assert(offsetof(Endpoint, inbox_tail) == 0x0C0 && offsetof(Endpoint, owner) == 0x100);
static_assert(offsetof(Endpoint, label) == 0x140);
static_assert(std::is_standard_layout_v<Endpoint>);

}  // namespace shmbus::layout
