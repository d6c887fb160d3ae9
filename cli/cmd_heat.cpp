// shmbus heat NAME: a latency heat map of one command over time. Live on a terminal; in a pipe the
// map is printed once, at its end.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/heat_map.hpp"
#include "cli/output.hpp"
#include "cli/terminal.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct HeatOptions {
  std::string name;
  bool queue = false;  ///< the time before the handler, instead of the time in it
  std::string interval = "1s";
  std::uint64_t count = 0;
  std::string svg;
};

constexpr std::size_t piped_columns = 30;
constexpr std::size_t columns_kept = 512;
constexpr Duration column_min = std::chrono::milliseconds(10);

std::int64_t unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string_view mapped_time(const HeatOptions& options) {
  return options.queue ? "time queued" : "time in the handler";
}

stats::Counts mapped_times(const inspect::Reader& reader, const HeatOptions& options) {
  const auto snapshot = inspect::take_snapshot(reader);
  const auto* found = snapshot.name(options.name);
  if (found == nullptr) {
    throw Failure(ErrorKind::not_registered,
                  fmt::format("nobody ever registered '{}'; see `shmbus ls --all`", options.name));
  }
  return options.queue ? found->queue : found->service;
}

nlohmann::json json_of(const HeatMap& map, const HeatOptions& options, Duration interval) {
  nlohmann::json out{{"name", options.name},
                     {"interval_ns", interval.count()},
                     {"columns", nlohmann::json::array()}};
  for (const auto& column : map.columns()) {
    auto rows = nlohmann::json::array();
    for (std::uint32_t i = 0; i < HeatMap::octaves; ++i) {
      if (column.count[i] != 0) rows.push_back({{"low_ns", 1ULL << i}, {"count", column.count[i]}});
    }
    out["columns"].push_back({{"unix_ms", column.unix_ms}, {"rows", std::move(rows)}});
  }
  return out;
}

std::string title_of(const HeatOptions& options, Duration interval) {
  return fmt::format("{}: {}, {} a column", printable(options.name), mapped_time(options),
                     format_ns(static_cast<std::uint64_t>(interval.count())));
}

void write_svg(const HeatMap& map, const HeatOptions& options, Duration interval) {
  std::ofstream file(options.svg, std::ios::binary);
  file << map.svg(title_of(options, interval));
  if (!file.flush()) {
    throw Failure(ErrorKind::invalid_argument, fmt::format("cannot write {}", options.svg));
  }
}

/// True when the user wants to leave.
bool wait_for_next(const Terminal& terminal, Clock::time_point until) {
  for (;;) {
    const char key = terminal.key(until);
    if (interrupted() || key == 'q' || key == '\x04') return true;
    if (key == 0) return false;
  }
}

int run_heat(const Context& context, const HeatOptions& options) {
  const auto interval = std::max(duration_or_fail(options.interval), column_min);
  if (interval == forever) throw UsageError("an interval of 'forever' shows nothing; try 1s");
  auto reader = value_or_fail(inspect::Reader::open(context.bus));
  stats::Counts before = mapped_times(reader, options);
  HeatMap map(columns_kept);
  catch_interruptions();
  {
    const Terminal terminal(!context.json);
    const std::uint64_t count =
        options.count == 0 && !terminal.live() ? piped_columns : options.count;
    for (std::uint64_t i = 0; count == 0 || i < count; ++i) {
      if (wait_for_next(terminal, Clock::now() + interval)) break;
      if (reader.replaced() || reader.lost()) {
        reader = value_or_fail(inspect::Reader::open(context.bus));
        before = {};
      }
      const stats::Counts now = mapped_times(reader, options);
      map.add(unix_ms(), now.since(before));
      before = now;
      if (!terminal.live()) continue;
      // As many of the newest columns as there is room for.
      const auto room = static_cast<std::size_t>(std::max(Terminal::size().columns - 11, 10));
      terminal.show(title_of(options, interval) + "   q: quit\n" +
                    map.newest(room).text(colours()));
    }
  }
  if (!options.svg.empty()) write_svg(map, options, interval);
  if (context.json) {
    print_json(json_of(map, options, interval));
  } else {
    fmt::print("{}\n{}", title_of(options, interval), map.newest(200).text(colours()));
  }
  return exit_ok;
}

}  // namespace

void add_heat(CLI::App& app, Context& context) {
  const auto options = std::make_shared<HeatOptions>();
  auto& command =
      add_command(app, context, "heat", "Draw a latency heat map of a command over time",
                  [&context, options] { return run_heat(context, *options); });
  command.add_option("NAME", options->name, "Name of the command")->required();
  command.add_flag("--queue", options->queue,
                   "Time from the publish to the start, instead of time in the handler");
  command.add_option("--interval", options->interval, "Time of one column")
      ->type_name("DURATION")
      ->capture_default_str();
  add_number(command, "--count", options->count,
             "End after so many columns; 0: never, or 30 without a terminal");
  command.add_option("--svg", options->svg, "Write the map to this file at the end")
      ->type_name("FILE");
}

}  // namespace shmbus::cli
