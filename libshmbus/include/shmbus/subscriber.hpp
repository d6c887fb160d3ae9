// The reading side of events: dynamic, by bytes. Types: event.hpp.
//
// Threads   A subscriber and the event that it holds are used by one thread at a time.
// Lifetime  A subscriber keeps its bus open. An event that is held may outlive its subscriber.
// Fork      A forked child gets `forked` from every operation.
// Errors    Values; nothing is thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "shmbus/error.hpp"
#include "shmbus/event_options.hpp"
#include "shmbus/export.hpp"

namespace shmbus {

namespace detail {
class SubscriberCore;
SHMBUS_API void let_go(SubscriberCore* core) noexcept;
struct CloseSubscriber {
  SHMBUS_API void operator()(SubscriberCore* core) const noexcept;
};
}  // namespace detail

/// An event, in place: nobody writes to it while this lives, and a publisher that must not lose it
/// for this subscriber waits. Moved, not copied.
class EventView {
 public:
  EventView(detail::SubscriberCore* core, std::span<const std::byte> bytes, std::uint64_t sequence,
            std::uint32_t publisher) noexcept
      : core_(core), bytes_(bytes), sequence_(sequence), publisher_(publisher) {}
  EventView(EventView&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        bytes_(std::exchange(other.bytes_, {})),
        sequence_(other.sequence_),
        publisher_(other.publisher_) {}
  EventView& operator=(EventView&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(bytes_, other.bytes_);
    std::swap(sequence_, other.sequence_);
    std::swap(publisher_, other.publisher_);
    return *this;
  }
  EventView(const EventView&) = delete;
  EventView& operator=(const EventView&) = delete;
  ~EventView() {
    if (core_ != nullptr) detail::let_go(core_);
  }

  /// Aligned to 16 bytes.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// Counts the events of one publisher from 1. A publisher that goes on where another left counts
  /// on.
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
  /// Tells the opened buses that published apart.
  [[nodiscard]] std::uint32_t publisher() const noexcept { return publisher_; }

 private:
  detail::SubscriberCore* core_;
  std::span<const std::byte> bytes_;
  std::uint64_t sequence_;
  std::uint32_t publisher_;
};

class SHMBUS_API RawSubscriber {
 public:
  RawSubscriber() noexcept = default;

  /// The next event of any publisher; events of one publisher come in their order, each once.
  /// timed_out when there is none in time. One event is held at a time: invalid_argument while the
  /// one before lives. corrupted: what one publisher wrote makes no sense, the others go on.
  [[nodiscard]] Result<EventView> next(Duration timeout = default_timeout) noexcept;
  /// Whether next() would return at once.
  [[nodiscard]] bool ready() noexcept;
  /// Events that were overwritten before this subscriber came to them: exact. Always 0 for
  /// WhenSlow::hold.
  [[nodiscard]] std::uint64_t missed() const noexcept;
  /// Readable when there may be an event; level-triggered until poll() is called. Starts one helper
  /// thread the first time.
  [[nodiscard]] Result<int> fd() noexcept;
  /// Clears fd(), which stays readable while there is an event. Then call next(0ns) until it says
  /// timed_out.
  Result<void> poll() noexcept;

  [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }
  explicit RawSubscriber(
      std::unique_ptr<detail::SubscriberCore, detail::CloseSubscriber> core) noexcept
      : core_(std::move(core)) {}

 private:
  std::unique_ptr<detail::SubscriberCore, detail::CloseSubscriber> core_;
};

}  // namespace shmbus
