// Taking and leaving a participant's slot.
//
// The liveness token is a lock on one byte of the file, taken on the very description that is then
// mapped, whose descriptor is closed afterwards. From then on the mapping holds the description and
// the description holds the lock: it is released by the kernel when the last page of the mapping is
// gone, that is, when this process can no longer store to the bus, and by nothing else.
//
//   lock byte i (a joiner that is killed here has changed nothing)
//   slot i: free(e) ──CAS──► alive(e)
//   map, close the descriptor
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "layout/words.hpp"
#include "segment/view.hpp"

namespace shmbus::liveness {

struct SlotOptions {
  std::string_view label;
  std::uint32_t role = 0;  ///< layout::participant_role
};

/// Takes the first free slot: locks its byte on `fd` and marks it alive. Nothing when all are
/// taken, with errno 0, or when the kernel refused a lock, with errno.
std::optional<layout::ParticipantId> take_slot(const segment::View& view, int fd,
                                               const SlotOptions& options) noexcept;

/// Whether some slot says that it is free. When take_slot() found none all the same, somebody holds
/// the locks of all slots: a moment later the file is gone, or the slots are there.
bool a_slot_is_free(const segment::View& view) noexcept;

}  // namespace shmbus::liveness
