// shmbus replay FILE: a recording as a load test of the process that serves its names now.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/open_bus.hpp"
#include "cli/output.hpp"
#include "cli/replay.hpp"
#include "cli/terminal.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"

namespace shmbus::cli {
namespace {

struct ReplayOptions {
  std::string file;
  bool as_recorded = false;
  double rate = 0;
  bool flat_out = false;
  std::uint64_t loops = 1;
  std::uint32_t window = 32;
  std::string timeout;
};

constexpr std::uint32_t window_max = 63;  // cells of a lane by default, less one

/// From one in eleven days to one a nanosecond.
double rate_for(const std::string& text) {
  const auto rate = parse_decimal(text);
  if (!rate || *rate < 1e-6 || *rate > 1e9) {
    refuse_option("--rate takes commands a second, from 0.000001 to 1000000000, not '" +
                  printable(text) + "'");
  }
  return *rate;
}

std::uint64_t errors_of(const ReplayTotals& totals) {
  std::uint64_t count = 0;
  for (const auto& [kind, times] : totals.why) count += times;
  return count;
}

/// A bucket's middle may lie above the longest that was seen.
std::string at(const ReplayTotals& totals, double share) {
  if (totals.latency.total == 0) return "-";
  return format_ns(std::min(totals.latency.quantile_ns(share), totals.max_ns));
}

void add_row(Table& table, const std::string& name, const ReplayTotals& totals) {
  const auto errors = errors_of(totals);
  table.add({name,
             std::to_string(totals.sent),
             std::to_string(totals.one_way),
             {std::to_string(errors), errors != 0 ? Style::bad : Style::plain},
             at(totals, 0.5),
             at(totals, 0.9),
             at(totals, 0.99),
             at(totals, 0.999),
             totals.latency.total == 0 ? "-" : format_ns(totals.max_ns)});
}

double rate_of(const ReplayTotals& all) {
  if (all.took_ns == 0) return 0;
  return static_cast<double>(all.sent) * 1e9 / static_cast<double>(all.took_ns);
}

void print_report(const Recording& recording, const Replay& replay) {
  Table table({{"NAME"},
               {"SENT", Align::right},
               {"ONE-WAY", Align::right},
               {"ERRORS", Align::right},
               {"P50", Align::right},
               {"P90", Align::right},
               {"P99", Align::right},
               {"P99.9", Align::right},
               {"MAX", Align::right}});
  for (std::size_t i = 0; i < replay.totals().size(); ++i) {
    const auto& one = replay.totals()[i];
    if (one.sent + one.left_out != 0) add_row(table, printable(recording.names[i]), one);
  }
  const auto all = replay.all();
  add_row(table, "all", all);
  fmt::print("{}{} commands in {}: {}/s; sent at most {} after they were due\n", table.text(),
             all.sent, format_ns(all.took_ns), format_rate(rate_of(all)),
             format_ns(all.max_late_ns));
  for (const auto& [kind, count] : all.why) fmt::print("  {} x {}\n", count, kind);
  if (all.left_out != 0) {
    fmt::print("  {} left out: their requests were cut when they were recorded\n", all.left_out);
  }
  if (!recording.complete) fmt::print("  the recording has no end: its writer was killed\n");
}

nlohmann::json json_of(const ReplayTotals& totals) {
  const auto ns = [&](double share) {
    return std::min(totals.latency.quantile_ns(share), totals.max_ns);
  };
  return {{"sent", totals.sent},
          {"one_way", totals.one_way},
          {"answered", totals.answered},
          {"left_out", totals.left_out},
          {"errors", totals.why},
          {"latency_ns",
           {{"p50", ns(0.5)},
            {"p90", ns(0.9)},
            {"p99", ns(0.99)},
            {"p99.9", ns(0.999)},
            {"max", totals.max_ns}}},
          {"max_late_ns", totals.max_late_ns}};
}

void print_report_json(const Recording& recording, const Replay& replay) {
  const auto all = replay.all();
  auto out = json_of(all);
  out["took_ns"] = all.took_ns;
  out["per_s"] = rate_of(all);
  out["names"] = nlohmann::json::object();
  for (std::size_t i = 0; i < replay.totals().size(); ++i) {
    const auto& one = replay.totals()[i];
    if (one.sent + one.left_out != 0) out["names"][recording.names[i]] = json_of(one);
  }
  print_json(out);
}

ReplayPlan plan_of(const ReplayOptions& options) {
  ReplayPlan plan;
  plan.loops = options.loops;
  plan.window = options.window;
  if (options.flat_out) plan.pace = Pace::flat_out;
  if (options.rate > 0) {
    plan.pace = Pace::evenly;
    plan.rate = options.rate;
  }
  if (!options.timeout.empty()) plan.timeout = duration_or_fail(options.timeout);
  return plan;
}

int run_replay(const Context& context, const ReplayOptions& options) {
  const auto recording = read_recording(options.file);
  catch_interruptions();
  auto bus = open_bus(context, "shmbus replay");
  Replay replay(bus, context.bus, recording, plan_of(options));
  replay.run();
  context.json ? print_report_json(recording, replay) : print_report(recording, replay);
  return exit_ok;
}

}  // namespace

void add_replay(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ReplayOptions>();
  auto& command =
      add_command(app, context, "replay", "Send what was recorded again, and report the latencies",
                  [&context, options] { return run_replay(context, *options); });
  command.add_option("FILE", options->file, "What `shmbus record` wrote")->required();
  auto* paced = command.add_flag("--as-recorded", options->as_recorded,
                                 "At the times at which it was recorded; the default");
  auto* rate =
      command
          .add_option_function<std::string>(
              "--rate", [options](const std::string& text) { options->rate = rate_for(text); },
              "Evenly, so many a second")
          ->type_name("PER_S");
  auto* flat =
      command.add_flag("--flat-out", options->flat_out, "The next as soon as there is room");
  paced->excludes(rate)->excludes(flat);
  rate->excludes(flat);
  add_number(command, "--loops", options->loops, "All of it so many times (1)", 1);
  add_number(command, "--window", options->window, "So many calls under way at most (32)", 1,
             window_max);
  command.add_option("--timeout", options->timeout, "Of each call; the bus's own by default")
      ->type_name("DURATION");
}

}  // namespace shmbus::cli
