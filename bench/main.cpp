// shmbus_bench: measures the bus, the floors under it and its peers, side by side in one run.
// Exit status: 0; 1 when data was lost, or a measured process crashed or hung; 2 for a wrong usage.
// Slowness is never an error.

#include <fnmatch.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/clock.hpp"
#include "harness/compare.hpp"
#include "harness/histogram_picture.hpp"
#include "harness/machine.hpp"
#include "harness/report_json.hpp"
#include "harness/report_table.hpp"
#include "harness/rounds.hpp"
#include "harness/steps.hpp"
#include "harness/summary.hpp"
#include "suites.hpp"

namespace {

using namespace shmbus::bench;

struct Options {
  bool quick = false;
  bool full = false;
  bool peers = false;
  bool list = false;
  bool histograms = false;
  int rounds = 0;
  double round_ms = 0;
  std::vector<std::string> filters;
  std::string json;
  std::string svg;
  std::string compare;
  std::optional<Placement> placement;
  double minutes = 0;
};

void declare(CLI::App& app, Options& options) {
  auto* quick = app.add_flag("--quick", options.quick, "few short rounds; under three minutes");
  app.add_flag("--full", options.full, "every entry, many rounds")->excludes(quick);
  app.add_flag("--peers", options.peers, "measure other systems in the same run");
  app.add_option("--filter", options.filters,
                 "only entries whose name matches this glob, of any kind; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--list", options.list, "name the entries that would run, and those left out");
  app.add_option("--rounds", options.rounds, "rounds per entry")->check(CLI::Range(1, 1000));
  app.add_option("--round-ms", options.round_ms, "time per entry and round")
      ->check(CLI::Range(1.0, 60000.0));
  app.add_option("--json", options.json, "write the figures to this file");
  app.add_option("--compare", options.compare, "tell what changed since this file of --json")
      ->check(CLI::ExistingFile);
  static const std::map<std::string, Placement> placements{
      {"core", Placement::one_core}, {"near", Placement::shared_l3}, {"far", Placement::far}};
  app.add_option("--placement", options.placement,
                 "measure only while the two cores share a core, an L3 (near) or no cache (far); "
                 "five rounds of each row, unless --rounds says otherwise")
      ->transform(CLI::CheckedTransformer(placements).description("{core,near,far}"));
  app.add_option("--minutes", options.minutes, "begin no round after this time")
      ->check(CLI::Range(0.01, 100000.0));
  app.add_flag("--histograms", options.histograms, "print a picture of each latency histogram");
  app.add_option("--svg", options.svg, "draw the latency histograms into this file");
}

bool is_wanted(const Entry& entry, const Options& options) {
  if (!options.filters.empty()) {
    return std::any_of(options.filters.begin(), options.filters.end(), [&](const auto& filter) {
      return fnmatch(filter.c_str(), entry.name.c_str(), 0) == 0;
    });
  }
  return entry.tier == Tier::headline || (entry.tier == Tier::detail && options.full) ||
         (entry.tier == Tier::peer && options.peers);
}

RoundPlan plan_of(const Options& options) {
  RoundPlan plan;
  plan.rounds = options.quick || options.placement ? 5 : options.full ? 31 : 15;
  plan.only = options.placement;
  plan.retries = options.quick ? 1 : 3;
  plan.time_limit_ns = options.quick ? 120e9 : 3600e9;
  plan.budget.hang_limit_ns = options.quick ? 10e9 : 30e9;
  plan.budget.measure_ns = options.quick ? 20e6 : 50e6;
  plan.budget.warmup_ns = options.quick ? 3e6 : 5e6;
  if (options.rounds > 0) {
    plan.rounds = options.rounds;
  }
  if (options.round_ms > 0) {
    plan.budget.measure_ns = options.round_ms * 1e6;
  }
  if (options.minutes > 0) {
    plan.time_limit_ns = options.minutes * 60e9;
  }
  return plan;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  if (!file.flush()) {
    throw std::runtime_error("cannot write " + path);
  }
}

void report(const Options& options, const Run& run) {
  const Machine machine = describe_machine();
  const std::vector<Figure> figures = summarize(run, options.placement);
  std::printf("%s\n%s", machine_text(machine, run).c_str(), figures_table(figures).c_str());
  if (const std::string steps = steps_text(steps_of(figures)); !steps.empty()) {
    std::printf("\ntime of a command beside that of its neighbour in size\n%s", steps.c_str());
  }
  std::vector<NamedHistogram> histograms;
  for (const Row& row : run.rows) {
    if (row.latency().total() != 0) {
      histograms.push_back({row.entry->name, &row.latency()});
    }
  }
  if (options.histograms) {
    for (const NamedHistogram& histogram : histograms) {
      std::printf("\n%s", histogram_text(histogram).c_str());
    }
  }
  if (!options.svg.empty()) {
    write_file(options.svg, histograms_svg(histograms));
  }
  if (!options.json.empty()) {
    write_file(options.json, figures_json(machine, figures));
  }
  if (!options.compare.empty()) {
    std::printf("\nchanges since %s\n%s", options.compare.c_str(),
                compare_text(read_figures_json(options.compare), figures).c_str());
  }
}

int run(const Options& options) {
  Registry registry;
  register_all(registry);
  std::vector<const Entry*> wanted;
  for (const Entry& entry : registry.entries()) {
    if (is_wanted(entry, options)) {
      wanted.push_back(&entry);
    }
  }
  if (options.list) {
    for (const Entry* entry : wanted) {
      std::printf("%-28s %8zu B  %-10s %s\n", entry->name.c_str(), entry->payload,
                  entry->mode.c_str(), entry->ratio_to.c_str());
    }
  }
  if (options.peers || options.list) {
    for (const Absent& absent : registry.absent()) {
      std::printf("skipped  %s: %s\n", absent.name.c_str(), absent.reason.c_str());
    }
  }
  if (options.list) {
    return 0;
  }
  calibrate_clock();
  const Run run = run_rounds(registry, wanted, plan_of(options), [](const std::string& text) {
    std::fprintf(stderr, "%s\n", text.c_str());
  });
  report(options, run);
  for (const Row& row : run.rows) {
    if (row.status == RoundResult::Status::failed) {
      return 1;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures shmbus, the floors under it and its peers."};
  Options options;
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  signal(SIGPIPE, SIG_IGN);  // a peer's broken connection is an error to report, not an end
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shmbus_bench: %s\n", error.what());
    return 2;
  }
}
