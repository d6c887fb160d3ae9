// Writing to the flight recorder and to the tap. Nothing here waits, allocates or fails; what is
// overwritten before anybody looked is gone.
//
// An event costs some 20 ns, so none is written for a plain command: only for those that are
// sampled, slow or failed, for what is rare, and for all while a tap is attached.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "attach/attachment.hpp"
#include "recorder/event.hpp"

namespace shmbus::recorder {

/// Into the ring of a slot: one's own, or that of somebody dead.
/// REQUIRES: the index is within the bus's capacities.
void record(const segment::View& view, std::uint32_t participant, const Event& event) noexcept;

/// The same into one's own, stamped with the present time.
void record_now(const Attachment& bus, Event event) noexcept;

/// Joined, left, died: whose slot it is, with the identity that stands there.
void record_participant(const Attachment& bus, Kind kind, layout::ParticipantId who) noexcept;

/// A name at one of our endpoints.
void record_name(const Attachment& bus, Kind kind, std::uint32_t record,
                 std::uint32_t endpoint) noexcept;

/// What taps ask for, and until when: one look at their line.
struct TapWish {
  bool events = false;
  bool payload = false;
};
[[nodiscard]] TapWish tap_wish(const Attachment& bus, std::uint64_t now_ticks) noexcept;

/// Asks for events, for one second from now on. REQUIRES: the bus is mapped for writing.
void ask_for_events(const Attachment& bus, bool with_payload) noexcept;

/// Keeps a request for the tap, up to layout::tap_payload_bytes_max; what to put into
/// Event::spilled.
[[nodiscard]] std::uint32_t spill(const segment::View& view,
                                  std::span<const std::byte> request) noexcept;
/// Into the tap's ring.
void tell_tap(const segment::View& view, const Event& event) noexcept;

}  // namespace shmbus::recorder
