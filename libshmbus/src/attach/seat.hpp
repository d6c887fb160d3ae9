// Taking and leaving a participant's seat.
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

struct SeatOptions {
  std::string_view label;
  std::uint32_t role = 0;  ///< layout::participant_role
};

/// Takes the first free seat: locks its byte on `fd` and marks it alive. Nothing when all are
/// taken, with errno 0, or when the kernel refused a lock, with errno.
std::optional<layout::Party> take_seat(const segment::View& view, int fd,
                                       const SeatOptions& options) noexcept;

/// Whether some slot says that it is free. When take_seat() found none all the same, somebody holds
/// the locks of all seats: a moment later the file is gone, or the seats are there.
bool a_seat_is_free(const segment::View& view) noexcept;

}  // namespace shmbus::liveness
