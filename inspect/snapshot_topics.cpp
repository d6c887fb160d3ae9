// Topics: publishers with what they keep, subscribers with how far they are.
#include <algorithm>

#include "inspect/snapshot_parts.hpp"
#include "layout/broadcast.hpp"
#include "layout/event_words.hpp"

namespace shmbus::inspect {
namespace {

using layout::BroadcastState;
using layout::BroadcastWord;
using layout::SubscriberMode;
using layout::SubscriberWord;

std::uint64_t relaxed(const layout::Word64& word) noexcept {
  return word.load(std::memory_order_relaxed);
}
std::uint32_t relaxed(const layout::Word32& word) noexcept {
  return word.load(std::memory_order_relaxed);
}

template <class Info>
void name_process(const Snapshot& so_far, layout::ParticipantId party, Info& info) {
  info.standing = so_far.standing(party);
  const auto* process = so_far.participant(party);
  if (process == nullptr) return;
  info.label = process->label;
  info.pid = process->pid;
}

PublisherInfo read_publisher(const Reader& reader, const Snapshot& so_far, std::uint32_t lane,
                             BroadcastWord word) {
  const auto& from = reader.view().broadcast(lane);
  PublisherInfo info;
  info.lane = lane;
  info.word = word;
  if (word.state() == BroadcastState::attached) name_process(so_far, word.party(), info);
  info.published = relaxed(from.counters.published);
  info.bytes = relaxed(from.counters.bytes);
  info.waits = relaxed(from.counters.waits);
  info.wait_ns = relaxed(from.counters.wait_ns);
  info.refused = relaxed(from.counters.refused);
  info.oldest = relaxed(from.bounds.oldest);
  info.slots = relaxed(from.shape.slots);
  info.slot_bytes = relaxed(from.shape.slot_bytes);
  info.keep = relaxed(from.shape.keep);
  info.extents = relaxed(from.shape.extents);
  return info;
}

SubscriberInfo read_subscriber(const Reader& reader, const Snapshot& so_far, const TopicInfo& topic,
                               std::uint32_t place, SubscriberWord word) {
  SubscriberInfo info;
  info.place = place;
  info.word = word;
  name_process(so_far, word.party(), info);
  for (const auto& publisher : topic.publishers) {
    const auto& from = reader.view().broadcast(publisher.lane).readers[place];
    const std::uint64_t position = relaxed(from.position);
    if (position == 0) continue;  // it has not come to this publisher yet
    info.delivered += relaxed(from.delivered);
    info.missed += relaxed(from.missed);
    if (position <= publisher.published) info.behind += publisher.published - position + 1;
  }
  return info;
}

const SubscriberInfo* furthest_behind(const TopicInfo& topic, bool only_holders) noexcept {
  const SubscriberInfo* found = nullptr;
  for (const auto& one : topic.subscribers) {
    if (only_holders && !one.word.holds()) continue;
    if (found == nullptr || one.behind > found->behind) found = &one;
  }
  return found;
}

}  // namespace

std::uint64_t TopicInfo::published() const noexcept {
  std::uint64_t all = 0;
  for (const auto& one : publishers) all += one.published;
  return all;
}
std::uint64_t TopicInfo::missed() const noexcept {
  std::uint64_t all = 0;
  for (const auto& one : subscribers) all += one.missed;
  return all;
}
const SubscriberInfo* TopicInfo::slowest() const noexcept { return furthest_behind(*this, false); }
const SubscriberInfo* TopicInfo::holder() const noexcept { return furthest_behind(*this, true); }

void read_topics(const Reader& reader, Snapshot& out) {
  const auto& view = reader.view();
  for (const auto& name : out.names) {
    if (!layout::BindingWord{name.binding_bits}.is_event()) continue;
    TopicInfo topic;
    topic.record = name.record;
    topic.name = name.name;
    for (std::uint32_t lane = 0; lane < view.capacities().broadcasts; ++lane) {
      // SYNC broadcast.word
      const BroadcastWord word{view.broadcast_word(lane).load(std::memory_order_acquire)};
      if (!word.readable() || word.name() != name.record) continue;
      topic.publishers.push_back(read_publisher(reader, out, lane, word));
    }
    for (std::uint32_t place = 0; place < layout::subscribers_max; ++place) {
      // SYNC topic.subscriber
      const SubscriberWord word{
          view.topic(name.record).subscribers[place].load(std::memory_order_acquire)};
      if (word.mode() == SubscriberMode::free) continue;
      topic.subscribers.push_back(read_subscriber(reader, out, topic, place, word));
    }
    out.topics.push_back(std::move(topic));
  }
}

}  // namespace shmbus::inspect
