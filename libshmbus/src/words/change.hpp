// Setting policies. One setter at a time for each name; a change is a few stores, each of them
// whole, and then the announcement: the binding word of the name moves, which every caller
// compares.
//
//   store                  killed right after it
//   changing = me          nothing has changed; the process that reclaims the setter announces that
//   each word of the terms that word is set, the later ones are as they were; the reclaimer
//                          announces it
//   live words = 0         as above
//   binding (CAS)          callers know
//   changing = 0           done
#pragma once

#include <cstdint>

#include "attach/attachment.hpp"
#include "words/terms.hpp"

namespace shmbus::policy {

/// Waits a little for another setter, then passes it over. What the last setter stored stands.
void change(const Attachment& bus, std::uint32_t record, const Words& words) noexcept;

/// Moves the binding so that callers look again.
void announce(const segment::View& view, std::uint32_t record) noexcept;

/// Announces what a setter that has died may have changed.
void finish_changes_of(const Attachment& bus, layout::ParticipantId dead) noexcept;

}  // namespace shmbus::policy
