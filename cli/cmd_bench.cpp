// shmbus bench: a first idea of what the bus costs on this machine, beside the bare floors of the
// same run. Every payload is checked on both sides. The full suite is in bench/.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bench_parts.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/units.hpp"

namespace shmbus::cli {
namespace {

BenchResult against(BenchResult result, const std::vector<BenchResult>& floors, std::size_t floor) {
  if (floor < floors.size()) result.floor = floors[floor].name;
  return result;
}

std::vector<BenchResult> measure(const BenchPlan& plan) {
  std::vector<BenchResult> results;
  // With one processor nothing can be gained, or shown, by spinning.
  const bool can_spin = !plan.processors.empty();
  if (can_spin) {
    results.push_back(bench_floor_line(plan));
    results.push_back(bench_floor_futex(plan));
    results.push_back(against(bench_calls(plan, WaitMode::spinning), results, 0));
    results.push_back(against(bench_calls(plan, WaitMode::adaptive), results, 0));
  }
  results.push_back(against(bench_calls(plan, WaitMode::blocking), results, 1));
  results.push_back(bench_one_way(plan));
  return results;
}

const BenchResult* floor_of(const BenchResult& result, const std::vector<BenchResult>& all) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const BenchResult& other) {
    return !result.floor.empty() && other.name == result.floor;
  });
  return at == all.end() ? nullptr : &*at;
}

std::string ratio(double value, double floor) { return fmt::format("{:.2f}", value / floor); }

void print_table(const std::vector<BenchResult>& results) {
  Table table({{"CASE (40 B)"},
               {"VERIFIED", Align::right},
               {"P50", Align::right},
               {"P99", Align::right},
               {"RATE/s", Align::right},
               {"P50/FLOOR", Align::right},
               {"P99/FLOOR", Align::right}});
  const auto ns = [](double value) {
    return value == 0 ? std::string("-") : format_ns(static_cast<std::uint64_t>(value));
  };
  for (const auto& result : results) {
    const auto* floor = floor_of(result, results);
    table.add({result.name, format_count(result.operations), ns(result.p50_ns), ns(result.p99_ns),
               result.per_s == 0 ? "-" : format_rate(result.per_s),
               floor == nullptr ? "-" : ratio(result.p50_ns, floor->p50_ns),
               floor == nullptr ? "-" : ratio(result.p99_ns, floor->p99_ns)});
  }
  fmt::print("{}", table.text());
}

nlohmann::json bench_json(const std::vector<BenchResult>& results) {
  nlohmann::json out{{"payload_bytes", sizeof(BenchBlock)}, {"results", nlohmann::json::array()}};
  for (const auto& result : results) {
    nlohmann::json entry{{"name", result.name}, {"operations", result.operations}};
    if (result.p50_ns != 0) entry.update({{"p50_ns", result.p50_ns}, {"p99_ns", result.p99_ns}});
    if (result.per_s != 0) entry["per_s"] = result.per_s;
    if (const auto* floor = floor_of(result, results)) {
      entry.update({{"floor", floor->name},
                    {"p50_ratio", result.p50_ns / floor->p50_ns},
                    {"p99_ratio", result.p99_ns / floor->p99_ns}});
    }
    out["results"].push_back(std::move(entry));
  }
  return out;
}

int run_bench(const Context& context, const std::string& duration) {
  const auto per_case = duration_or_fail(duration);
  if (per_case > std::chrono::minutes(10)) throw UsageError("--duration is at most 10m");
  const auto results = measure({per_case, two_processors()});
  if (context.json) {
    print_json(bench_json(results));
  } else {
    print_table(results);
  }
  return exit_ok;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  const auto duration = std::make_shared<std::string>("500ms");
  auto& command =
      add_command(app, context, "bench", "Measure calls between two processes on a bus made for it",
                  [&context, duration] { return run_bench(context, *duration); });
  command.add_option("--duration", *duration, "Time for each case")
      ->type_name("DURATION")
      ->capture_default_str();
}

}  // namespace shmbus::cli
