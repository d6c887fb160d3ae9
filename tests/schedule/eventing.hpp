// Publishers and subscribers of the scenes on events, in the words of the library.
#pragma once

#include <cstdint>
#include <memory>

#include "events/publisher_core.hpp"
#include "events/subscriber_core.hpp"
#include "schedule/stage.hpp"

namespace shmbus::schedule {

inline constexpr std::string_view the_topic = "tick";

/// Thirty slots of 128 B, which is what an extent of the world holds: a publisher takes half of
/// them back at a time.
inline constexpr PublisherOptions small_events{.keep = 1, .event_bytes = 112};
inline constexpr int events_to_fill = 29;  ///< after which no slot is free
inline constexpr int events_to_turn = 15;  ///< and after so many more again

class Publishing {
 public:
  explicit Publishing(Peer& peer, std::string_view topic = the_topic);
  /// False when there was no lane: allowed where others keep it.
  [[nodiscard]] bool there() const noexcept { return core_ != nullptr; }
  /// Has to work, and, unless somebody was held up, without sleeping for a whole slice.
  void publish(int times = 1);

 private:
  Result<std::uint64_t> put(std::span<const std::byte> event);
  std::size_t self_;
  bool elsewhere_;
  std::unique_ptr<detail::PublisherCore> core_;
};

class Subscribing {
 public:
  Subscribing(Peer& peer, WhenSlow slow, From from);
  Subscribing(const Subscribing&) = delete;
  Subscribing& operator=(const Subscribing&) = delete;
  /// Reads one event, and looks at it again after others had a turn. False: none came in time.
  bool next(Duration timeout);
  /// One that must come, without a whole slice of waiting unless somebody was held up.
  void await_next();
  /// What is there by now; the newest event must be among it.
  void read_all();
  [[nodiscard]] std::uint64_t last() const noexcept { return last_; }

 private:
  void judge(const EventView& event);
  std::size_t self_;
  bool holds_;
  std::unique_ptr<detail::SubscriberCore, detail::CloseSubscriber> core_;
  std::uint64_t last_ = 0;  ///< sequence number of the last event
  std::uint64_t missed_ = 0;
};

/// When all is over: a lane that keeps the last events of a name that nobody reads is given up for
/// another name, and then free.
void free_event_lanes(Peer& peer);

}  // namespace shmbus::schedule
