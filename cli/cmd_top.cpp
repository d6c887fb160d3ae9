// shmbus top: commands and processes by what they do, refreshed. Latencies and rates are those of
// the last interval, not of all time. On a terminal keys sort, filter and pause it; piped, it
// prints one block after the other.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <numeric>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/present.hpp"
#include "cli/terminal.hpp"
#include "cli/top_rows.hpp"
#include "cli/topic_text.hpp"
#include "cli/units.hpp"
#include "cli/workers_text.hpp"
#include "common/options.hpp"
#include "common/standard_output.hpp"

namespace shmbus::cli {
namespace {

using inspect::Snapshot;
using Clock = std::chrono::steady_clock;

struct TopOptions {
  std::string interval = "1s";
  std::uint64_t count = 0;
  std::string sort = "rate";
  std::string filter;
  std::string by = "command";
};

constexpr Duration refresh_min = std::chrono::milliseconds(10);
constexpr char escape = '\x1b';
constexpr char backspace = '\x7f';

/// What the user chose, at first by options, then by keys.
struct Choice {
  SortKey sort = SortKey::rate;
  std::string filter;
  bool processes = false;
  bool paused = false;
  bool typing = false;  ///< the filter
  bool help = false;
  bool quit = false;
};

/// The newest two looks at the bus, and the rates before them.
struct Scene {
  inspect::Reader reader;
  Snapshot before;
  Snapshot now;
  RateHistory history;

  explicit Scene(const std::string& bus)
      : reader(value_or_fail(inspect::Reader::open(bus))), now(inspect::take_snapshot(reader)) {}
  void look_again(const std::string& bus);
};

void Scene::look_again(const std::string& bus) {
  if (reader.replaced() || reader.lost()) {
    // Somebody removed the bus and made it anew: follow the path, not the old file.
    reader = value_or_fail(inspect::Reader::open(bus));
    now = inspect::take_snapshot(reader);
    history = {};
  }
  before = std::move(now);
  now = inspect::take_snapshot(reader);
  for (const auto& row : command_rows(before, now)) history.add(key_of(row), row.per_s);
  for (const auto& row : process_rows(before, now)) {
    history.add(key_of(row), row.calls_per_s + row.served_per_s);
  }
}

template <class Row>
std::vector<Row> chosen(std::vector<Row> rows, const Choice& choice) {
  filter_rows(rows, choice.filter);
  sort_rows(rows, choice.sort);
  return rows;
}

std::string table_of(const std::vector<CommandRow>& rows, const RateHistory& history) {
  Table table({{"NAME"},
               {"OWNER"},
               {"STATE"},
               {"RATE/s", Align::right},
               {"ERR/s", Align::right},
               {"P50", Align::right},
               {"P99", Align::right},
               {"P99.9", Align::right},
               {"MAX", Align::right},
               {"DEPTH", Align::right},
               {"CALLS", Align::right},
               {"HISTORY"}});
  for (const auto& row : rows) {
    const auto& name = *row.now;
    table.add(
        {printable(name.name), name.owner_label.empty() ? "-" : printable(name.owner_label),
         state_cell(name.state), format_rate(row.per_s),
         Cell(format_rate(row.errors_per_s), row.errors_per_s > 0 ? Style::bad : Style::plain),
         quantile_text(row.service, 0.5), quantile_text(row.service, 0.99),
         quantile_text(row.service, 0.999), quantile_text(row.service, 1),
         std::to_string(name.depth), format_count(name.commands), history.sparkline(key_of(row))});
  }
  return table.text();
}

std::string table_of(const std::vector<ProcessRow>& rows, const RateHistory& history) {
  Table table({{"PROCESS"},
               {"PID", Align::right},
               {"ALIVE"},
               {"CALLS/s", Align::right},
               {"ERR/s", Align::right},
               {"P50", Align::right},
               {"P99", Align::right},
               {"MAX", Align::right},
               {"SERVED/s", Align::right},
               {"SLEEPS/s", Align::right},
               {"OUT", Align::right},
               {"IN", Align::right},
               {"HISTORY"}});
  for (const auto& row : rows) {
    const auto& process = *row.now;
    table.add(
        {process.label.empty() ? "-" : printable(process.label), std::to_string(process.pid),
         process.process_alive ? Cell("yes", Style::good) : Cell("no", Style::bad),
         format_rate(row.calls_per_s),
         Cell(format_rate(row.errors_per_s), row.errors_per_s > 0 ? Style::bad : Style::plain),
         quantile_text(row.round_trip, 0.5), quantile_text(row.round_trip, 0.99),
         quantile_text(row.round_trip, 1), format_rate(row.served_per_s),
         format_rate(row.parks_per_s), std::to_string(row.under_way), std::to_string(row.waiting),
         history.sparkline(key_of(row))});
  }
  return table.text();
}

std::string key_line(const Choice& choice) {
  if (choice.typing) return fmt::format("filter: {}_   (Enter: keep, Escape: drop)", choice.filter);
  if (choice.help) {
    return "sort: r rate, 5 p50, 9 p99, 0 p99.9, m max, d depth, e errors, n name   "
           "c commands/processes   / filter   space pause   q quit";
  }
  return fmt::format("by {}{}{}   h: keys, q: quit", to_string(choice.sort),
                     choice.filter.empty() ? "" : ", only *" + printable(choice.filter) + "*",
                     choice.paused ? "   PAUSED" : "");
}

std::string text_of(const Scene& scene, const Choice& choice, bool live) {
  const auto commands = command_rows(scene.before, scene.now);
  const double total =
      std::accumulate(commands.begin(), commands.end(), 0.0,
                      [](double sum, const CommandRow& row) { return sum + row.per_s; });
  std::string out = fmt::format("{}  {} commands/s\n", summary_line(scene.now), format_rate(total));
  if (live) out += styled(key_line(choice), Style::dim) + '\n';
  return out +
         (choice.processes
              ? table_of(chosen(process_rows(scene.before, scene.now), choice), scene.history)
              : table_of(chosen(commands, choice), scene.history) +
                    topic_rows(scene.before, scene.now)) +
         workers_lines(scene.now);
}

nlohmann::json json_of(const ProcessRow& row) {
  auto entry = participant_json(*row.now);
  entry["calls_per_s"] = row.calls_per_s;
  entry["errors_per_s"] = row.errors_per_s;
  entry["served_per_s"] = row.served_per_s;
  entry["sleeps_per_s"] = row.parks_per_s;
  entry["under_way"] = row.under_way;
  entry["waiting"] = row.waiting;
  entry["round_trip"] = latency_json(row.round_trip);
  return entry;
}

void show_json(const Scene& scene, const Choice& choice) {
  nlohmann::json out{{"bus", bus_json(scene.now)},
                     {"names", nlohmann::json::array()},
                     {"events", nlohmann::json::array()},
                     {"processes", nlohmann::json::array()}};
  for (const auto& row : chosen(command_rows(scene.before, scene.now), choice)) {
    auto entry = name_json(*row.now, row.per_s);
    entry["errors_per_s"] = row.errors_per_s;
    entry["interval"] = latency_json(row.service);
    out["names"].push_back(std::move(entry));
  }
  for (const auto& row : chosen(process_rows(scene.before, scene.now), choice)) {
    out["processes"].push_back(json_of(row));
  }
  out["workers"] = workers_list(scene.now);
  for (const auto& topic : scene.now.topics) out["events"].push_back(topic_json(topic));
  // One document a line: a reader of a stream need not look for its end.
  fmt::print("{}\n", json_text(out));
  (void)flush_output_now();
}

void type_filter(Choice& choice, char key) {
  if (key == '\n' || key == '\r') {
    choice.typing = false;
  } else if (key == escape) {
    choice.typing = false;
    choice.filter.clear();
  } else if (key == backspace || key == '\b') {
    if (!choice.filter.empty()) choice.filter.pop_back();
  } else if (key >= ' ') {
    choice.filter += key;
  }
}

void obey(Choice& choice, char key) {
  if (choice.typing) return type_filter(choice, key);
  constexpr std::string_view keys = "r590mden";  // in the order of SortKey
  if (const auto at = keys.find(key); at != std::string_view::npos) {
    choice.sort = static_cast<SortKey>(at);
  }
  choice.quit |= key == 'q' || key == '\x04';
  if (key == ' ') choice.paused = !choice.paused;
  if (key == 'c' || key == '\t') choice.processes = !choice.processes;
  if (key == 'h' || key == '?') choice.help = !choice.help;
  choice.typing = key == '/';
}

/// Until the next look is due; draws anew after each key.
void attend(const Terminal& terminal, const Scene& scene, Choice& choice, Clock::time_point until) {
  while (!choice.quit && !interrupted()) {
    const char key = terminal.key(choice.paused ? Clock::now() + std::chrono::hours(1) : until);
    if (key == 0) {
      if (choice.paused && !interrupted()) continue;
      return;
    }
    obey(choice, key);
    if (!scene.before.bus.path.empty()) terminal.show(text_of(scene, choice, true));
  }
}

int run_top(const Context& context, const TopOptions& options) {
  const auto interval = std::max(duration_or_fail(options.interval), refresh_min);
  if (interval == forever) throw UsageError("an interval of 'forever' shows nothing; try 1s");
  Choice choice;
  choice.sort = *sort_key_from(options.sort);  // the parser has checked it
  choice.filter = options.filter;
  choice.processes = options.by == "process";
  Scene scene(context.bus);
  catch_interruptions();
  const Terminal terminal(!context.json);
  if (terminal.live()) terminal.show("looking...\n");
  for (std::uint64_t shown = 0; options.count == 0 || shown < options.count; ++shown) {
    attend(terminal, scene, choice, Clock::now() + interval);
    if (choice.quit || interrupted() || !flush_output_now()) break;
    scene.look_again(context.bus);
    if (context.json) {
      show_json(scene, choice);
    } else {
      if (!terminal.live() && shown != 0) fmt::print("\n");
      terminal.show(text_of(scene, choice, terminal.live()));
    }
  }
  return exit_ok;
}

}  // namespace

void add_top(CLI::App& app, Context& context) {
  const auto options = std::make_shared<TopOptions>();
  auto& command =
      add_command(app, context, "top", "Watch commands and processes at work, refreshed",
                  [&context, options] { return run_top(context, *options); });
  command.add_option("--interval", options->interval, "Time between refreshes")
      ->type_name("DURATION")
      ->capture_default_str();
  add_number(command, "--count", options->count, "End after so many refreshes; 0: never");
  add_choice(command, "--sort", options->sort,
             "By rate, p50, p99, p99.9, max, depth, errors or name",
             {"rate", "p50", "p99", "p99.9", "max", "depth", "errors", "name"})
      ->capture_default_str();
  command.add_option("--filter", options->filter, "Only names and owners that hold this text");
  add_choice(command, "--by", options->by, "Rows by command or by process", {"command", "process"})
      ->capture_default_str();
}

}  // namespace shmbus::cli
