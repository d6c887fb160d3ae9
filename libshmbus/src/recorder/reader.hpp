// Reading the flight recorder and the tap: copies of what is whole, and how much was not.
// Everything here may be read from a mapping that cannot be written.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "recorder/event.hpp"
#include "segment/view.hpp"

namespace shmbus::recorder {

struct Recorded {
  std::uint64_t index = 0;
  std::uint32_t ring = 0;  ///< the slot in whose ring it stands
  Event event;
};

struct RingCopy {
  std::uint64_t written = 0;     ///< so many since the bus was created, if nobody lied
  std::uint32_t unreadable = 0;  ///< being written, left behind half written, or torn
  std::vector<Recorded> events;  ///< the oldest first
};
/// REQUIRES: the index is within the bus's capacities.
[[nodiscard]] RingCopy read_ring(const segment::View& view, std::uint32_t participant);

/// Follows the tap's ring. The process that uses one must ask for events now and then
/// (recorder.hpp).
class TapReader {
 public:
  /// From now on.
  explicit TapReader(const segment::View& view) noexcept;

  /// The next event that can be read, in order; nothing when there is none for now. `now_ns` is
  /// any clock: a slot that somebody has been writing for longer than a moment is skipped.
  [[nodiscard]] std::optional<Event> next(std::uint64_t now_ns) noexcept;

  /// Overwritten before they were read, or never finished.
  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }

  /// The whole request of an event, as far as it was kept; nothing when it was overwritten, or not
  /// kept. Requests of an excerpt's size or below are always there.
  [[nodiscard]] std::optional<std::vector<std::byte>> request_of(const Event& event) const;

 private:
  void skip_to(std::uint64_t index) noexcept;

  const segment::View* view_;
  std::uint64_t next_;
  std::uint64_t skipped_ = 0;
  /// When the slot at next_, and all before it since the last whole one, was first found
  /// unfinished; 0: it was not.
  std::uint64_t unfinished_since_ns_ = 0;
};

}  // namespace shmbus::recorder
