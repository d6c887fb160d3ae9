#include "torture/support/bus_state.hpp"

#include <filesystem>

#include "inspect/doctor.hpp"
#include "inspect/left_behind.hpp"
#include "layout/event_words.hpp"

namespace shmbus::torture {

test::Census census_of(const std::string& path) {
  const auto reader = inspect::Reader::open(path);
  return reader ? test::census(reader->view()) : test::Census{};
}

EventCensus event_census_of(const std::string& path) {
  EventCensus census;
  const auto reader = inspect::Reader::open(path);
  if (!reader) return census;
  const auto& view = reader->view();
  for (std::uint32_t i = 0; i < view.capacities().broadcasts; ++i) {
    const layout::BroadcastWord word{view.broadcast_word(i).load()};
    census.lanes += word.state() != layout::BroadcastState::free ? 1U : 0U;
  }
  for (std::uint32_t i = 0; i < view.capacities().names; ++i) {
    for (const auto& word : view.topic(i).subscribers) census.subscribers += word.load() != 0;
  }
  return census;
}

std::string doctor_findings(const std::string& path, std::chrono::milliseconds pause) {
  const auto reader = inspect::Reader::open(path);
  if (!reader) return "cannot be read: " + std::string(reader.error().message.view()) + "\n";
  std::string text;
  for (const auto& finding : inspect::settled(*reader, pause)) {
    if (finding.severity == inspect::Severity::note && !inspect::left_behind(finding)) continue;
    // A limit that is reached is no damage, and small tables are what these tests want.
    if (finding.id.ends_with("-exhausted")) continue;
    text += finding.id + " " + finding.subject + ": " + finding.what + "\n";
  }
  return text;
}

std::string files_left(const std::string& path) {
  const std::filesystem::path bus(path);
  std::string names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(bus.parent_path(), ignored)) {
    const std::string name = entry.path().filename();
    if (name != bus.filename() && name.find(bus.filename()) != std::string::npos) {
      names += name + " ";
    }
  }
  return names;
}

}  // namespace shmbus::torture
