// shmbus ps: the participants of a bus. Whether one is alive is asked of the kernel, not read.
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/present.hpp"
#include "cli/units.hpp"
#include "inspect/snapshot.hpp"
#include "layout/participant.hpp"

namespace shmbus::cli {
namespace {

/// What it owns; in words, what it has given away or asked for.
std::string endpoints_cell(const inspect::ParticipantInfo& info) {
  std::string text = std::to_string(info.endpoints);
  if (info.draining != 0) text += ", draining " + std::to_string(info.draining);
  if (info.asking != 0) text += ", asking for " + std::to_string(info.asking);
  return text;
}

void print_table(const inspect::Snapshot& snapshot) {
  Table table({{"INDEX", Align::right},
               {"PID", Align::right},
               {"UID", Align::right},
               {"ROLE"},
               {"LABEL"},
               {"AGE", Align::right},
               {"ALIVE"},
               {"LANES", Align::right},
               {"EXTENTS", Align::right},
               {"ENDPOINTS", Align::right}});
  for (const auto& info : snapshot.participants) {
    const std::string pid = std::to_string(info.pid) + (info.same_pid_namespace ? "" : "*");
    const bool daemon = info.role == layout::participant_role::daemon;
    table.add({std::to_string(info.index),
               pid,
               std::to_string(info.uid),
               daemon ? "daemon" : "client",
               info.label.empty() ? "-" : printable(info.label),
               format_age(info.age_ns),
               {info.process_alive ? "yes" : "no", info.process_alive ? Style::good : Style::bad},
               std::to_string(info.lanes),
               std::to_string(info.extents),
               endpoints_cell(info)});
  }
  fmt::print("{}", table.text());
  if (on_terminal()) fmt::print("{}\n", styled(summary_line(snapshot), Style::dim));
}

int run_ps(const Context& context) {
  const auto snapshot = value_or_fail(inspect::take_snapshot(context.bus));
  if (!context.json) {
    print_table(snapshot);
    return exit_ok;
  }
  nlohmann::json out{{"bus", bus_json(snapshot)}, {"participants", nlohmann::json::array()}};
  for (const auto& info : snapshot.participants) {
    out["participants"].push_back(participant_json(info));
  }
  print_json(out);
  return exit_ok;
}

}  // namespace

void add_ps(CLI::App& app, Context& context) {
  add_command(app, context, "ps",
              "List the participants: who has the bus open, and what each holds (a pid with * is "
              "of another pid namespace)",
              [&context] { return run_ps(context); });
}

}  // namespace shmbus::cli
