// Topics: words that no participant writes, subscribers that hold up publishers or read nothing,
// events that nobody reads, lanes that are used up.
#include "inspect/doctor_parts.hpp"
#include "layout/event_words.hpp"

namespace shmbus::inspect {
namespace {

constexpr std::uint64_t far_behind = 1000;
constexpr std::uint64_t many_for_nobody = 1000;

std::string event_text(const TopicInfo& topic) { return "event '" + topic.name + "'"; }

void check_subscriber(const TopicInfo& topic, const SubscriberInfo& info,
                      std::vector<Finding>& out) {
  const auto who = "'" + info.label + "' (pid " + std::to_string(info.pid) + ")";
  if (info.standing == Standing::impossible || info.standing == Standing::gone) {
    out.push_back({Severity::error, "event-subscriber", event_text(topic),
                   "is read by " + party_text(info.word.party()) + ", which is no participant",
                   std::string(mend_corruption)});
    return;
  }
  const bool holds = info.word.holds();
  if (holds && info.behind > 0 && info.standing == Standing::living) {
    for (const auto& publisher : topic.publishers) {
      if (publisher.refused == 0) continue;
      out.push_back({Severity::warning, "event-held-up", event_text(topic),
                     who + " holds events and is " + counted(info.behind, "event") +
                         " behind; publishers gave up " + counted(publisher.refused, "time"),
                     "see what that process does; one that may miss events subscribes with "
                     "WhenSlow::skip"});
      break;
    }
  }
  if (info.delivered == 0 && info.missed + info.behind > far_behind) {
    out.push_back(
        {Severity::note, "event-unread", event_text(topic),
         who + " has subscribed and read nothing of " + counted(info.missed + info.behind, "event"),
         "a process that needs no events should destroy its subscriber"});
  }
}

void check_readers(const TopicInfo& topic, std::vector<Finding>& out) {
  if (!topic.subscribers.empty() || topic.published() < many_for_nobody) return;
  for (const auto& publisher : topic.publishers) {
    if (publisher.standing != Standing::living) continue;
    out.push_back({Severity::note, "event-nobody-reads", event_text(topic),
                   counted(topic.published(), "event") + " were published, by '" + publisher.label +
                       "' (pid " + std::to_string(publisher.pid) +
                       ") among others, and nobody subscribes",
                   "see whether the subscribers use the same name and the same bus"});
    return;
  }
}

}  // namespace

void check_topics(const Snapshot& snapshot, std::vector<Finding>& out) {
  std::size_t used = 0;
  for (const auto& topic : snapshot.topics) {
    used += topic.publishers.size();
    for (const auto& info : topic.subscribers) check_subscriber(topic, info, out);
    check_readers(topic, out);
  }
  const auto all = snapshot.bus.header.capacities.broadcasts;
  if (used >= all && all != 0) {
    out.push_back({Severity::note, "broadcasts-used-up", "",
                   "all " + counted(all, "broadcast lane") +
                       " are in use: a publisher of one more event takes that of an event that "
                       "nobody reads, or is refused",
                   "create the bus with larger capacities.broadcasts"});
  }
}

}  // namespace shmbus::inspect
