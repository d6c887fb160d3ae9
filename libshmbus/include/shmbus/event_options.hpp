// How events are published and read. See event.hpp.
#pragma once

#include <cstdint>

#include "shmbus/options.hpp"

namespace shmbus {

/// Where a subscriber begins, at each publisher that is there when it subscribes. At one that comes
/// later it begins with the first event.
enum class From : std::uint8_t {
  now,     ///< with the next event
  latest,  ///< with the last one, if there is one: also when its publisher has left or died
  oldest,  ///< with the oldest that is left: at least PublisherOptions::keep of them
};

/// What happens when a subscriber is slower than a publisher.
enum class WhenSlow : std::uint8_t {
  skip,  ///< it misses events; RawSubscriber::missed() counts them
  hold,  ///< the publisher waits for it, up to its own deadline
};

struct SubscriberOptions {
  From from = From::now;
  WhenSlow when_slow = WhenSlow::skip;
  WaitMode wait = WaitMode::adaptive;
};

struct PublisherOptions {
  /// So many of the last events are left to subscribers that come late; at least 1.
  std::uint32_t keep = 1;
  /// The most bytes that an event may have; 0: those of its type, or 48.
  std::uint32_t event_bytes = 0;
};

}  // namespace shmbus
