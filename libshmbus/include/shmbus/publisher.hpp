// The writing side of events: dynamic, by bytes. Types: event.hpp.
//
// Threads   A publisher and its loan are used by one thread at a time.
// Lifetime  A publisher keeps its bus open. A loan must not outlive its publisher.
// Fork      A forked child gets `forked` from every operation.
// Errors    Values; nothing is thrown. After an error nothing was published.
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
class PublisherCore;
struct ClosePublisher {
  SHMBUS_API void operator()(PublisherCore* core) const noexcept;
};
}  // namespace detail

/// Where the next event is written in place. One at a time: publish() of its publisher, and another
/// loan, give it up. Destroying it publishes nothing.
class SHMBUS_API EventLoan {
 public:
  EventLoan(detail::PublisherCore* core, std::span<std::byte> bytes) noexcept
      : core_(core), bytes_(bytes) {}
  /// What stands there is undefined. Aligned to 16 bytes.
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  /// Publishes only the first `bytes`.
  void shrink(std::size_t bytes) noexcept {
    if (bytes < bytes_.size()) bytes_ = bytes_.first(bytes);
  }
  /// Its sequence number. invalid_argument when it was published or given up.
  Result<std::uint64_t> publish() noexcept;

 private:
  detail::PublisherCore* core_;
  std::span<std::byte> bytes_;
};

class SHMBUS_API RawPublisher {
 public:
  RawPublisher() noexcept = default;

  /// Publishes an event and returns its sequence number, counted from 1. Makes no system call while
  /// no subscriber sleeps, but one for each half of its memory while a subscriber skips. Waits only
  /// for living subscribers that hold (WhenSlow::hold): overloaded names the one that did not read
  /// on in time. too_large: more than PublisherOptions::event_bytes.
  Result<std::uint64_t> publish(std::span<const std::byte> event,
                                Duration timeout = default_timeout) noexcept;
  [[nodiscard]] Result<EventLoan> loan(std::size_t bytes,
                                       Duration timeout = default_timeout) noexcept;

  [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }
  explicit RawPublisher(
      std::unique_ptr<detail::PublisherCore, detail::ClosePublisher> core) noexcept
      : core_(std::move(core)) {}

 private:
  std::unique_ptr<detail::PublisherCore, detail::ClosePublisher> core_;
};

}  // namespace shmbus
