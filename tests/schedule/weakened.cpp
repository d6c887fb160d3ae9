#include "schedule/weakened.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>
#include <vector>

namespace shmbus::schedule {
namespace {

/// Of each scene, to learn which places it passes.
constexpr std::uint64_t executions_to_learn = 400;

struct Row {
  const char* what;
  const char* scene;
};

constexpr std::array table{
    Row{"release:lane.publish", "calls"},
    Row{"acquire:lane.publish", "calls"},
    Row{"release:lane.reply", "calls"},
    Row{"acquire:lane.reply", "calls"},
    Row{"fence:lane.park", "calls"},
    Row{"fence:lane.notice", "calls"},
    Row{"fence:lane.cancel", "limit"},
    Row{"release:extent.lease", "extents"},
    Row{"acquire:extent.lease", "extents"},
    Row{"release:inbox.ticket", "order"},
    Row{"acquire:inbox.ticket", "order"},
    Row{"release:lane.word", "hasty"},
    Row{"acquire:lane.word", "hasty"},
    Row{"release:endpoint.control", "leave"},
    Row{"acquire:endpoint.control", "leave"},
    Row{"release:names.publish", "registration"},
    Row{"release:names.lease", "names-death"},
    Row{"acquire:names.lease", "names-death"},
    Row{"acquire:names.binding", "names-death"},
    Row{"fence:lane.cancel@lane/owner_lane.hpp", "limit-kept"},
    Row{"release:event.slot", "events"},
    Row{"acquire:event.slot", "events"},
    Row{"fence:topic.parked@events/subscriber_core.cpp", "events"},
    Row{"release:event.position", "events-pin"},
    Row{"acquire:event.position", "events-pin"},
    Row{"fence:broadcast.oldest", "events-pin"},
    Row{"fence:topic.join@events/writer.cpp", "events-join"},
    Row{"fence:topic.join@words/subscribers.cpp", "events-join"},
    Row{"release:topic.subscriber", "events-evict"},
};

/// "release:lane.publish@lane/caller_lane.hpp", or with the line where no SYNC stands.
std::string text_of(const Sites::Place& place, Side side) {
  const std::string head = std::string(name_of(side)) + ":";
  if (place.syncs.empty()) return head + place.file + ":" + std::to_string(place.line);
  return head + place.syncs.front() + "@" + place.file;
}

std::set<std::string> places_now(const Sites& sites) {
  std::set<std::string> out;
  for (const auto* place : sites.all()) {
    for (const Side side : {Side::release, Side::acquire, Side::fence}) {
      if ((place->sides & static_cast<std::uint8_t>(side)) != 0) out.insert(text_of(*place, side));
    }
  }
  return out;
}

/// All places that the scenes pass. `usable`: the scenes that hold within these bounds as it is.
std::set<std::string> learn(Scheduler& scheduler, const Explore& explore,
                            std::vector<const Scene*>& usable) {
  for (const Scene& scene : scenes()) {
    const Report report = explore(scene, executions_to_learn);
    if (!report.found)
      usable.push_back(&scene);
    else
      std::printf("left out: %s, %s\n", scene.name.c_str(), report.failure.c_str());
  }
  return places_now(scheduler.sites());
}

}  // namespace

int run_weakened(Scheduler& scheduler, const Explore& explore, std::uint64_t executions) {
  int missed = 0;
  for (const Row& row : table) {
    scheduler.sites().weaken(Weakening::parse(row.what));
    Report report;
    for (const Scene& scene : scenes()) {
      if (scene.name == row.scene) report = explore(scene, executions);
    }
    if (!report.found) ++missed;
    std::printf("%-46s %-14s %6llu executions  %s\n", row.what, row.scene,
                static_cast<unsigned long long>(report.executions),
                report.found ? report.failure.c_str() : "NOT FOUND");
    std::fflush(stdout);
  }
  scheduler.sites().weaken(std::nullopt);
  return missed == 0 ? 0 : 1;
}

int survey_weakened(Scheduler& scheduler, const Explore& explore, std::uint64_t executions,
                    const std::string& only) {
  std::vector<const Scene*> usable;
  const auto places = learn(scheduler, explore, usable);
  int missed = 0;
  for (const std::string& what : places) {
    if (what.find(only) == std::string::npos) continue;
    scheduler.sites().weaken(Weakening::parse(what));
    std::string found;
    for (const Scene* scene : usable) {
      const Report report = explore(*scene, executions);
      if (!report.found) continue;
      found = scene->name + ", " + std::to_string(report.executions) + ": " + report.failure;
      break;
    }
    if (found.empty()) ++missed;
    std::printf("%-56s %s\n", what.c_str(), found.empty() ? "NOT FOUND" : found.c_str());
    std::fflush(stdout);
  }
  scheduler.sites().weaken(std::nullopt);
  std::printf("%zu places, %d not found\n", places.size(), missed);
  return missed == 0 ? 0 : 1;
}

}  // namespace shmbus::schedule
