#include "cli/topic_text.hpp"

#include <fmt/format.h>

#include "cli/present.hpp"
#include "cli/terminal.hpp"
#include "cli/units.hpp"
#include "codec/words.hpp"

namespace shmbus::cli {
namespace {

using inspect::PublisherInfo;
using inspect::SubscriberInfo;
using inspect::TopicInfo;

std::string who(const std::string& label, std::uint32_t pid) {
  return pid == 0 ? std::string("(left)") : label.empty() ? "-" : printable(label);
}
std::string pid_text(std::uint32_t pid) { return pid == 0 ? "-" : std::to_string(pid); }

void print_publishers(const TopicInfo& topic) {
  if (topic.publishers.empty()) return;
  Table table({{"PUBLISHER"},
               {"PID", Align::right},
               {"PUBLISHED", Align::right},
               {"LEFT", Align::right},
               {"KEEPS", Align::right},
               {"BYTES", Align::right},
               {"WAITS", Align::right},
               {"WAITED", Align::right},
               {"REFUSED", Align::right}});
  for (const auto& one : topic.publishers) {
    const std::uint64_t left = one.published < one.oldest ? 0 : one.published - one.oldest + 1;
    table.add({who(one.label, one.pid),
               pid_text(one.pid),
               format_count(one.published),
               format_count(left),
               std::to_string(one.keep),
               format_bytes(one.bytes),
               format_count(one.waits),
               format_ns(one.wait_ns),
               {format_count(one.refused), one.refused == 0 ? Style::plain : Style::bad}});
  }
  fmt::print("\n{}", table.text());
}

void print_subscribers(const TopicInfo& topic) {
  if (topic.subscribers.empty()) return;
  Table table({{"SUBSCRIBER"},
               {"PID", Align::right},
               {"WHEN SLOW"},
               {"READ", Align::right},
               {"MISSED", Align::right},
               {"BEHIND", Align::right}});
  for (const auto& one : topic.subscribers) {
    table.add({who(one.label, one.pid),
               pid_text(one.pid),
               one.word.holds() ? "holds" : "skips",
               format_count(one.delivered),
               {format_count(one.missed), one.missed == 0 ? Style::plain : Style::warn},
               format_count(one.behind)});
  }
  fmt::print("\n{}", table.text());
}

void print_value(const std::optional<RegisteredTypes>& types) {
  if (!types) {
    fmt::print("{:<10}not known: published as bytes\n", "schema");
    return;
  }
  fmt::print("{:<10}{:016x}\n", "schema", types->hash);
  if (types->hash_only) return;
  Table table({{"MEMBER"}, {"TYPE"}, {"AT", Align::right}, {"BYTES", Align::right}});
  for (const auto& field : codec::fields_of(types->request)) {
    const auto words = printable(field.type);
    table.add({field.name.empty() ? "(itself)" : printable(field.name),
               field.optional ? words + ", or none" : words, std::to_string(field.offset),
               std::to_string(field.bytes)});
  }
  fmt::print("\n{}", table.text());
}

std::uint64_t waits_of(const TopicInfo& topic) {
  std::uint64_t all = 0;
  for (const auto& one : topic.publishers) all += one.waits;
  return all;
}

const TopicInfo* same_in(const inspect::Snapshot& snapshot, const TopicInfo& topic) {
  for (const auto& one : snapshot.topics) {
    if (one.record == topic.record && one.name == topic.name) return &one;
  }
  return nullptr;
}

double per_second(std::uint64_t now, std::uint64_t before, double seconds) {
  return now <= before || seconds <= 0 ? 0 : static_cast<double>(now - before) / seconds;
}

}  // namespace

std::string behind_text(const SubscriberInfo* subscriber) {
  if (subscriber == nullptr) return "-";
  return fmt::format("{} (pid {}) is {} behind", who(subscriber->label, subscriber->pid),
                     subscriber->pid, format_count(subscriber->behind));
}

void print_topic(const TopicInfo& topic, const std::optional<RegisteredTypes>& types) {
  fmt::print("{:<10}{}\n", "event", printable(topic.name));
  fmt::print("{:<10}{}\n", "published", format_count(topic.published()));
  fmt::print("{:<10}{}\n", "slowest", behind_text(topic.slowest()));
  if (waits_of(topic) != 0) fmt::print("{:<10}{}\n", "held by", behind_text(topic.holder()));
  print_value(types);
  print_publishers(topic);
  print_subscribers(topic);
}

std::string topic_rows(const inspect::Snapshot& before, const inspect::Snapshot& now) {
  if (now.topics.empty()) return {};
  const double seconds = static_cast<double>(now.bus.taken_at_ns - before.bus.taken_at_ns) * 1e-9;
  Table table({{"EVENT"},
               {"PUBLISHED/s", Align::right},
               {"MISSED/s", Align::right},
               {"SUBSCRIBERS", Align::right},
               {"SLOWEST"}});
  for (const auto& topic : now.topics) {
    const auto* then = same_in(before, topic);
    const double missed =
        per_second(topic.missed(), then == nullptr ? topic.missed() : then->missed(), seconds);
    const std::uint64_t published_then = then == nullptr ? topic.published() : then->published();
    table.add({printable(topic.name),
               format_rate(per_second(topic.published(), published_then, seconds)),
               {format_rate(missed), missed > 0 ? Style::warn : Style::plain},
               std::to_string(topic.subscribers.size()),
               behind_text(topic.slowest())});
  }
  return "\n" + table.text();
}

}  // namespace shmbus::cli
