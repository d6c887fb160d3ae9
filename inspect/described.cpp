#include "inspect/described.hpp"

#include <algorithm>
#include <memory>

#include "inspect/snapshot.hpp"
#include "layout/event_words.hpp"
#include "words/members.hpp"
#include "words/store.hpp"

namespace shmbus::inspect {
namespace {

std::string schema_of(const Reader& reader, const NameInfo& name, schema::Registered& seen) {
  seen.known = schema::Known::nothing;
  schema::read(reader.view(), name.record, layout::BindingWord{name.binding_bits}, seen);
  for (const auto word : names::load_members(reader.view(), name.record).word) {
    if (seen.known != schema::Known::nothing) break;
    if (word.bound()) schema::read(reader.view(), name.record, word, seen);
  }
  return seen.known == schema::Known::all ? std::string(seen.text()) : std::string();
}

bool is_published(const TopicInfo& topic) {
  return std::any_of(topic.publishers.begin(), topic.publishers.end(),
                     [](const auto& one) { return one.standing == Standing::living; });
}

}  // namespace

std::vector<DescribedName> described_names(const Reader& reader) {
  const auto snapshot = take_snapshot(reader);
  const auto seen = std::make_unique<schema::Registered>();
  std::vector<DescribedName> out;
  for (const auto& name : snapshot.names) {
    const bool event = layout::BindingWord{name.binding_bits}.is_event();
    if (name.name.empty() || (!event && name.state == NameState::unregistered)) continue;
    out.push_back(
        {name.name, event, name.state == NameState::active, schema_of(reader, name, *seen)});
    if (!event) continue;
    const auto topic = std::find_if(snapshot.topics.begin(), snapshot.topics.end(),
                                    [&](const auto& one) { return one.record == name.record; });
    out.back().served = topic != snapshot.topics.end() && is_published(*topic);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

}  // namespace shmbus::inspect
