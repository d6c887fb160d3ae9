#include "daemon/metrics_events.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/escape.hpp"

namespace shmbus::daemon {
namespace {

using inspect::PublisherInfo;
using inspect::SubscriberInfo;
using inspect::TopicInfo;

struct Topic {
  const TopicInfo* info;
  std::string label;  ///< event="price.changed"
};

/// Each name once: two series of one name would spoil the whole scrape.
std::vector<Topic> topics_of(const inspect::Snapshot& snapshot) {
  std::vector<Topic> out;
  std::set<std::string> seen;
  for (const auto& topic : snapshot.topics) {
    auto label = fmt::format("event=\"{}\"", escape::prometheus(topic.name));
    if (seen.insert(label).second) out.push_back({&topic, std::move(label)});
  }
  return out;
}

template <class Value>
std::uint64_t over_publishers(const TopicInfo& topic, Value value) {
  std::uint64_t sum = 0;
  for (const auto& one : topic.publishers) sum += value(one);
  return sum;
}

std::uint64_t living_publishers(const TopicInfo& topic) {
  return static_cast<std::uint64_t>(
      std::count_if(topic.publishers.begin(), topic.publishers.end(),
                    [](const PublisherInfo& one) { return one.pid != 0; }));
}

void write_topics(Page& page, const std::vector<Topic>& topics) {
  const auto each = [&](const char* name, const char* type, const char* help, auto value) {
    page.family(name, type, help);
    for (const auto& one : topics) page.sample(value(*one.info), one.label);
  };
  const auto counter = [&](const char* name, const char* help,
                           std::uint64_t PublisherInfo::*member) {
    each(name, "counter", help, [member](const TopicInfo& topic) {
      return over_publishers(topic, [member](const PublisherInfo& one) { return one.*member; });
    });
  };
  each("shmbus_event_publishers", "gauge", "Processes that publish it now.", living_publishers);
  each("shmbus_event_subscribers", "gauge", "Subscribers that it has now.",
       [](const TopicInfo& t) { return std::uint64_t{t.subscribers.size()}; });
  each("shmbus_event_behind", "gauge", "Events that the slowest subscriber has still to read.",
       [](const TopicInfo& t) { return t.slowest() == nullptr ? 0 : t.slowest()->behind; });
  counter("shmbus_events_published_total", "Events that were published.",
          &PublisherInfo::published);
  counter("shmbus_event_bytes_total", "Bytes of these events.", &PublisherInfo::bytes);
  counter("shmbus_event_waits_total", "How often a publisher waited for a subscriber that holds.",
          &PublisherInfo::waits);
  counter("shmbus_event_wait_nanoseconds_total", "Time that publishers waited for subscribers.",
          &PublisherInfo::wait_ns);
  counter("shmbus_event_refused_total",
          "Events that were not published: a subscriber held them up for too long.",
          &PublisherInfo::refused);
}

/// What all subscribers of one process have read of one event.
struct Reading {
  std::uint64_t delivered = 0;
  std::uint64_t missed = 0;
};

void write_subscribers(Page& page, const std::vector<Topic>& topics) {
  std::map<std::string, Reading> readings;
  for (const auto& topic : topics) {
    for (const auto& one : topic.info->subscribers) {
      auto& sum = readings[fmt::format("{},process=\"{}\",pid=\"{}\"", topic.label,
                                       escape::prometheus(one.label), one.pid)];
      sum.delivered += one.delivered;
      sum.missed += one.missed;
    }
  }
  page.family("shmbus_events_delivered_total", "counter", "Events that a process has read.");
  for (const auto& [label, sum] : readings) page.sample(sum.delivered, label);
  page.family("shmbus_events_missed_total", "counter",
              "Events that were overwritten before a process that skips came to them.");
  for (const auto& [label, sum] : readings) page.sample(sum.missed, label);
}

}  // namespace

void write_events(Page& page, const inspect::Snapshot& snapshot) {
  const auto topics = topics_of(snapshot);
  write_topics(page, topics);
  write_subscribers(page, topics);
}

}  // namespace shmbus::daemon
