// The subscribers of a topic: one word for each place.
//
//   free ──CAS──► joining(me) ──store──► skip | hold ──CAS, its own or of one that proved it
//   dead──► free
//
// A subscriber that joins fences before it looks at lanes: see broadcasts.hpp.
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "layout/event_words.hpp"
#include "shmbus/error.hpp"

namespace shmbus::broadcast {

/// A place among the subscribers of a topic, which holds everything until set_mode().
Result<std::uint32_t> join(const Attachment& bus, std::uint32_t topic) noexcept;
void set_mode(const Attachment& bus, std::uint32_t topic, std::uint32_t place,
              layout::SubscriberMode mode) noexcept;
void leave(const Attachment& bus, std::uint32_t topic, std::uint32_t place) noexcept;
layout::SubscriberWord load_subscriber(const segment::View& view, std::uint32_t topic,
                                       std::uint32_t place) noexcept;
/// Takes the place of a dead subscriber away; false when `seen` does not stand there any more.
bool drop_subscriber(const segment::View& view, std::uint32_t topic, std::uint32_t place,
                     layout::SubscriberWord seen) noexcept;
void drop_subscribers_of(const segment::View& view, layout::ParticipantId party) noexcept;
[[nodiscard]] bool subscribers_name(const segment::View& view,
                                    layout::ParticipantId party) noexcept;
/// Whether a living one reads the topic; those found dead lose their places.
[[nodiscard]] bool has_subscribers(const Attachment& bus, std::uint32_t topic) noexcept;

}  // namespace shmbus::broadcast
