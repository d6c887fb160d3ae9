#include "words/subscribers.hpp"

#include "os/fence.hpp"
#include "os/futex.hpp"
#include "words/broadcasts.hpp"
#include "words/members.hpp"

namespace shmbus::broadcast {

using layout::BroadcastState;
using layout::BroadcastWord;
using layout::ParticipantId;
using layout::SubscriberMode;
using layout::SubscriberWord;

namespace {

void wake_publishers_of(const segment::View& view, std::uint32_t topic) noexcept {
  for (std::uint32_t lane = 0; lane < view.capacities().broadcasts; ++lane) {
    const BroadcastWord word = load_word(view, lane);
    if (word.state() != BroadcastState::attached || word.name() != topic) continue;
    wait::bump_and_wake(view.broadcast(lane).events.count);
  }
}

}  // namespace

bool has_subscribers(const Attachment& bus, std::uint32_t topic) noexcept {
  if (topic >= bus.view.capacities().names) return false;
  for (std::uint32_t place = 0; place < layout::subscribers_max; ++place) {
    const SubscriberWord word = load_subscriber(bus.view, topic, place);
    if (word.mode() == SubscriberMode::free) continue;
    if (!bus.dead(word.party()) || !drop_subscriber(bus.view, topic, place, word)) return true;
  }
  return false;
}

SubscriberWord load_subscriber(const segment::View& view, std::uint32_t topic,
                               std::uint32_t place) noexcept {
  // SYNC topic.subscriber
  return {view.topic(topic).subscribers[place].load(std::memory_order_acquire)};
}

bool drop_subscriber(const segment::View& view, std::uint32_t topic, std::uint32_t place,
                     SubscriberWord seen) noexcept {
  // SYNC topic.subscriber
  if (!view.topic(topic).subscribers[place].compare_exchange_strong(
          seen.bits, 0, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    return false;
  }
  wake_publishers_of(view, topic);
  return true;
}

Result<std::uint32_t> join(const Attachment& bus, std::uint32_t topic) noexcept {
  const auto mine = SubscriberWord::make(bus.me, SubscriberMode::joining);
  for (std::uint32_t place = 0; place < layout::subscribers_max; ++place) {
    SubscriberWord seen = load_subscriber(bus.view, topic, place);
    if (seen.mode() != SubscriberMode::free) {
      if (!bus.dead(seen.party()) || !drop_subscriber(bus.view, topic, place, seen)) continue;
      seen = {};
    }
    // The positions are those of the former subscriber until set_mode(): nobody reads them.
    // SYNC topic.subscriber
    if (bus.view.topic(topic).subscribers[place].compare_exchange_strong(
            seen.bits, mine.bits, std::memory_order_acq_rel, std::memory_order_relaxed)) {
      wait::detail::full_fence();  // SYNC topic.join: a publisher sees us, or we see its bound
      return place;
    }
  }
  Error error{ErrorKind::limit_reached, 0, 0, {}};
  error.message.append(layout::subscribers_max)
      .append(" subscribers read this event already: an event has no room for more");
  return tl::unexpected<Error>(error);
}

void set_mode(const Attachment& bus, std::uint32_t topic, std::uint32_t place,
              SubscriberMode mode) noexcept {
  // SYNC topic.subscriber: after the positions
  bus.view.topic(topic).subscribers[place].store(SubscriberWord::make(bus.me, mode).bits,
                                                 std::memory_order_release);
}

void leave(const Attachment& bus, std::uint32_t topic, std::uint32_t place) noexcept {
  const SubscriberWord seen = load_subscriber(bus.view, topic, place);
  if (seen.party() == bus.me) (void)drop_subscriber(bus.view, topic, place, seen);
}

void drop_subscribers_of(const segment::View& view, ParticipantId party) noexcept {
  for (std::uint32_t topic = 0; topic < view.capacities().names; ++topic) {
    if (!names::is_event(view, topic)) continue;  // nobody subscribes before the name is an event's
    for (std::uint32_t place = 0; place < layout::subscribers_max; ++place) {
      const SubscriberWord seen = load_subscriber(view, topic, place);
      if (seen.party() == party) (void)drop_subscriber(view, topic, place, seen);
    }
  }
}

bool subscribers_name(const segment::View& view, ParticipantId party) noexcept {
  for (std::uint32_t topic = 0; topic < view.capacities().names; ++topic) {
    if (!names::is_event(view, topic)) continue;  // nobody subscribes before the name is an event's
    for (std::uint32_t place = 0; place < layout::subscribers_max; ++place) {
      if (load_subscriber(view, topic, place).party() == party) return true;
    }
  }
  return false;
}

}  // namespace shmbus::broadcast
