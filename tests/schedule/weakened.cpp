#include "schedule/weakened.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>

namespace shmbus::schedule {
namespace {

/// Of each scene, to learn which places it passes.
constexpr std::uint64_t executions_to_learn = 400;

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

/// Which places each scene is the first to pass, and all that any passes.
std::set<std::string> learn(Scheduler& scheduler, const Explore& explore) {
  for (const Scene& scene : scenes()) (void)explore(scene, executions_to_learn);
  return places_now(scheduler.sites());
}

}  // namespace

int survey_weakened(Scheduler& scheduler, const Explore& explore, std::uint64_t executions,
                    const std::string& only) {
  const auto places = learn(scheduler, explore);
  int missed = 0;
  for (const std::string& what : places) {
    if (what.find(only) == std::string::npos) continue;
    scheduler.sites().weaken(Weakening::parse(what));
    std::string found;
    for (const Scene& scene : scenes()) {
      const Report report = explore(scene, executions);
      if (!report.found) continue;
      found = scene.name + ", " + std::to_string(report.executions) + ": " + report.failure;
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
