// shmbus top: the names by traffic, refreshed. Latencies and rates are those of the last interval,
// not of all time. Piped, it prints one block after the other.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/present.hpp"
#include "cli/rates.hpp"
#include "cli/units.hpp"

namespace shmbus::cli {
namespace {

using inspect::NameInfo;
using inspect::Snapshot;

struct Options {
  std::string interval = "1s";
  std::uint64_t count = 0;
};

constexpr Duration interval_min = std::chrono::milliseconds(10);

/// What happened to a name between two snapshots.
struct Change {
  const NameInfo* now = nullptr;
  double per_s = 0;
  double errors_per_s = 0;
  stats::Counts service;
};

std::vector<Change> changes(const Snapshot& before, const Snapshot& now) {
  const double seconds = static_cast<double>(now.bus.taken_at_ns - before.bus.taken_at_ns) / 1e9;
  const auto per_s = rates_between(before, now);
  std::vector<Change> out;
  for (std::size_t i = 0; i < now.names.size(); ++i) {
    const auto& name = now.names[i];
    if (!is_published(name) || name.state == inspect::NameState::unregistered) continue;
    const NameInfo none;
    const auto* earlier = same_name(before, name);
    if (earlier == nullptr) earlier = &none;
    const std::uint64_t errors = name.errors + name.expired - earlier->errors - earlier->expired;
    out.push_back({&name, per_s[i], static_cast<double>(errors) / seconds,
                   name.service.since(earlier->service)});
  }
  std::stable_sort(out.begin(), out.end(), [](const Change& a, const Change& b) {
    return a.per_s != b.per_s ? a.per_s > b.per_s : a.now->name < b.now->name;
  });
  return out;
}

std::string table_of(const std::vector<Change>& list) {
  Table table({{"NAME"},
               {"OWNER"},
               {"STATE"},
               {"RATE/s", Align::right},
               {"ERR/s", Align::right},
               {"P50", Align::right},
               {"P99", Align::right},
               {"P99.9", Align::right},
               {"DEPTH", Align::right},
               {"CALLS", Align::right}});
  for (const auto& change : list) {
    const auto& name = *change.now;
    table.add({printable(name.name), name.owner_label.empty() ? "-" : printable(name.owner_label),
               state_cell(name.state), format_rate(change.per_s), format_rate(change.errors_per_s),
               quantile_text(change.service, 0.5), quantile_text(change.service, 0.99),
               quantile_text(change.service, 0.999), std::to_string(name.depth),
               format_count(name.commands)});
  }
  return table.text();
}

void show_text(const Snapshot& now, const std::vector<Change>& list, bool first) {
  const double total = std::accumulate(list.begin(), list.end(), 0.0,
                                       [](double sum, const Change& c) { return sum + c.per_s; });
  if (on_terminal()) {
    fmt::print("\x1b[H\x1b[J");
  } else if (!first) {
    fmt::print("\n");
  }
  fmt::print("{}  {} commands/s\n{}", summary_line(now), format_rate(total), table_of(list));
  std::fflush(stdout);
}

void show_json(const Snapshot& now, const std::vector<Change>& list) {
  nlohmann::json out{{"bus", bus_json(now)}, {"names", nlohmann::json::array()}};
  for (const auto& change : list) {
    auto entry = name_json(*change.now, change.per_s);
    entry["errors_per_s"] = change.errors_per_s;
    entry["interval"] = latency_json(change.service);
    out["names"].push_back(std::move(entry));
  }
  // One document a line: a reader of a stream need not look for its end.
  fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
}

int run_top(const Context& context, const Options& options) {
  const auto interval = std::max(duration_or_fail(options.interval), interval_min);
  if (interval == forever) throw UsageError("an interval of 'forever' shows nothing; try 1s");
  auto reader = value_or_fail(inspect::Reader::open(context.bus));
  Snapshot before = inspect::take_snapshot(reader);
  for (std::uint64_t shown = 0; options.count == 0 || shown < options.count; ++shown) {
    std::this_thread::sleep_for(interval);
    if (reader.replaced() || reader.lost()) {
      // Somebody removed the bus and made it anew: follow the path, not the old file.
      reader = value_or_fail(inspect::Reader::open(context.bus));
      before = inspect::take_snapshot(reader);
      std::this_thread::sleep_for(interval);
    }
    Snapshot now = inspect::take_snapshot(reader);
    const auto list = changes(before, now);
    if (context.json) {
      show_json(now, list);
    } else {
      show_text(now, list, shown == 0);
    }
    before = std::move(now);
  }
  return exit_ok;
}

}  // namespace

void add_top(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  auto& command = add_command(app, context, "top", "Watch the names by traffic, refreshed",
                              [&context, options] { return run_top(context, *options); });
  command.add_option("--interval", options->interval, "Time between refreshes")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--count", options->count, "End after so many refreshes; 0: never")
      ->capture_default_str();
}

}  // namespace shmbus::cli
