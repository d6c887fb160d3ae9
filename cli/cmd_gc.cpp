// shmbus gc: takes back what dead participants hold. The daemon, a newcomer or a waiting caller
// does the same; this is for when none of them is at hand.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/open_bus.hpp"
#include "cli/present.hpp"
#include "cli/units.hpp"
#include "inspect/snapshot.hpp"
#include "shmbus/bus.hpp"

namespace shmbus::cli {
namespace {

// An owner may have to finish a dead caller's lane before the slot can be freed.
constexpr int rounds = 10;
constexpr std::chrono::milliseconds round_pause{20};

using Slots = std::vector<inspect::ParticipantInfo>;

Slots dead_of(const inspect::Reader& reader) {
  Slots slots = inspect::take_snapshot(reader).participants;
  std::erase_if(slots, [](const inspect::ParticipantInfo& info) { return info.process_alive; });
  return slots;
}

bool holds(const Slots& slots, const inspect::ParticipantInfo& wanted) {
  return std::any_of(slots.begin(), slots.end(), [&](const inspect::ParticipantInfo& info) {
    return info.index == wanted.index && info.epoch == wanted.epoch;
  });
}

/// The dead that are still there afterwards.
Slots reclaim(const Context& context, const inspect::Reader& reader) {
  auto bus = open_bus(context, "shmbus gc");
  for (int round = 0; round < rounds; ++round) {
    (void)value_or_fail(bus.reclaim());
    if (dead_of(reader).empty()) break;
    std::this_thread::sleep_for(round_pause);
  }
  return dead_of(reader);
}

std::string_view fate(const Slots& left, const inspect::ParticipantInfo& info, bool dry_run) {
  if (dry_run) return "would be reclaimed";
  return holds(left, info) ? "waits for a handler to finish its lanes" : "reclaimed";
}

void print_table(const Slots& dead, const Slots& left, bool dry_run) {
  if (dead.empty()) {
    fmt::print("nothing to reclaim\n");
    return;
  }
  Table table({{"INDEX", Align::right},
               {"PID", Align::right},
               {"LABEL"},
               {"LANES", Align::right},
               {"EXTENTS", Align::right},
               {"ENDPOINTS", Align::right},
               {"RESULT"}});
  for (const auto& info : dead) {
    table.add({std::to_string(info.index), std::to_string(info.pid), printable(info.label),
               std::to_string(info.lanes), std::to_string(info.extents),
               std::to_string(info.endpoints), fate(left, info, dry_run)});
  }
  fmt::print("{}", table.text());
}

int run_gc(const Context& context, bool dry_run) {
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  const Slots dead = dead_of(reader);
  const Slots left = dry_run || dead.empty() ? dead : reclaim(context, reader);
  if (!context.json) {
    print_table(dead, left, dry_run);
    return exit_ok;
  }
  nlohmann::json out{{"dry_run", dry_run}, {"participants", nlohmann::json::array()}};
  for (const auto& info : dead) {
    auto entry = participant_json(info);
    entry["result"] = fate(left, info, dry_run);
    out["participants"].push_back(std::move(entry));
  }
  print_json(out);
  return exit_ok;
}

}  // namespace

void add_gc(CLI::App& app, Context& context) {
  const auto dry_run = std::make_shared<bool>(false);
  auto& command = add_command(app, context, "gc", "Take back what dead participants hold",
                              [&context, dry_run] { return run_gc(context, *dry_run); });
  command.add_flag("--dry-run", *dry_run, "Only say what would be taken back");
}

}  // namespace shmbus::cli
