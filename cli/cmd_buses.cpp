// shmbus buses: the buses of this machine, and the processes that have them open.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/buses.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/present.hpp"
#include "cli/units.hpp"

namespace shmbus::cli {
namespace {

void print_table(const std::vector<BusRow>& rows) {
  if (rows.empty()) {
    fmt::print(
        "there is no bus in /dev/shm; the first program that opens one makes it, or `shmbus "
        "create`\n");
    return;
  }
  Table table({{"BUS"},
               {"OWNER"},
               {"MODE"},
               {"SIZE", Align::right},
               {"STATE"},
               {"DAEMON"},
               {"OPEN", Align::right},
               {"BY"}});
  for (const auto& row : rows) {
    const bool usable = row.state == "usable";
    table.add({printable(row.name),
               user_text(row.uid),
               fmt::format("{:04o}", row.mode),
               format_bytes(row.bytes),
               {row.state, usable ? Style::good : Style::warn},
               usable ? (row.daemon ? "yes" : "no") : "-",
               usable ? std::to_string(row.participants.size()) : "-",
               usable ? participants_text(row) : "-"});
  }
  fmt::print("{}", table.text());
}

void print_rows_json(const std::vector<BusRow>& rows) {
  nlohmann::json out{{"buses", nlohmann::json::array()}};
  for (const auto& row : rows) {
    nlohmann::json entry{{"name", row.name},
                         {"path", row.path},
                         {"state", row.state},
                         {"uid", row.uid},
                         {"owner", user_text(row.uid)},
                         {"mode", fmt::format("{:04o}", row.mode)},
                         {"bytes", row.bytes},
                         {"daemon", row.daemon},
                         {"participants", nlohmann::json::array()}};
    for (const auto& one : row.participants) {
      entry["participants"].push_back(participant_json(one));
    }
    out["buses"].push_back(std::move(entry));
  }
  print_json(out);
}

int run_buses(const Context& context) {
  const auto rows = look_at_buses();
  context.json ? print_rows_json(rows) : print_table(rows);
  return exit_ok;
}

}  // namespace

void add_buses(CLI::App& app, Context& context) {
  add_command(app, context, "buses", "List the buses of this machine: owner, size, who has them",
              [&context] { return run_buses(context); });
}

}  // namespace shmbus::cli
