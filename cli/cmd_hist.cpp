// shmbus hist NAME: where the time inside a command's handler goes, as percentiles and as a
// picture, beside an earlier look that was saved with --json.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/files.hpp"
#include "cli/heat_map.hpp"
#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "cli/present.hpp"
#include "cli/units.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::cli {
namespace {

struct HistOptions {
  std::string name;
  bool queue = false;  ///< the time before the handler, instead of the time in it
  std::string over;
  std::string compare;
};

constexpr std::array<double, 9> shares{0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};
constexpr std::size_t bar_width = 40;

std::string share_name(double share) {
  return share == 1 ? "max" : fmt::format("p{:g}", share * 100);
}

std::string_view what_time(const HistOptions& options) {
  return options.queue ? "time queued" : "time in the handler";
}

stats::Counts times_of(const inspect::Reader& reader, const HistOptions& options) {
  const auto snapshot = inspect::take_snapshot(reader);
  const auto* found = snapshot.name(options.name);
  if (found == nullptr) {
    throw Failure(ErrorKind::not_registered,
                  fmt::format("nobody ever registered '{}'; see `shmbus ls --all`", options.name));
  }
  return options.queue ? found->queue : found->service;
}

stats::Counts look(const Context& context, const HistOptions& options) {
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  const auto before = times_of(reader, options);
  if (options.over.empty()) return before;
  const auto time = duration_or_fail(options.over);
  if (time == forever) throw UsageError("--over 'forever' would never end; try 10s");
  std::this_thread::sleep_for(time);
  return times_of(reader, options).since(before);
}

[[noreturn]] void unreadable(const std::string& file, std::string_view why) {
  throw Failure(ErrorKind::invalid_argument,
                fmt::format("{}: {}; save one with `shmbus hist NAME --json > FILE`", file, why));
}

/// What `shmbus hist --json` printed before.
stats::Counts saved(const std::string& path) {
  const auto bytes = read_file(path, json_bytes_max, "no saved histogram is that large");
  constexpr int depth_max = 16;
  const auto within_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > depth_max) unreadable(path, "is no saved histogram");
    return true;
  };
  // patterns: within a depth and a budget of bytes
  const auto json = nlohmann::json::parse(as_chars(bytes), within_depth, false);
  if (!json.is_object() || !json.contains("buckets") || !json["buckets"].is_array()) {
    unreadable(path, "is no saved histogram");
  }
  stats::Counts counts;
  for (const auto& bucket : json["buckets"]) {
    const bool sound = bucket.is_object() && bucket.contains("low_ns") &&
                       bucket.contains("count") && bucket["low_ns"].is_number_unsigned() &&
                       bucket["count"].is_number_unsigned();
    if (!sound) unreadable(path, "is no saved histogram");
    const auto count = bucket["count"].get<std::uint64_t>();
    counts.bucket[stats::bucket_of(bucket["low_ns"].get<std::uint64_t>())] += count;
    counts.total += count;
  }
  return counts;
}

std::string change_text(std::uint64_t then, std::uint64_t now) {
  if (then == 0) return "-";
  const double change = static_cast<double>(now) / static_cast<double>(then) - 1;
  return fmt::format("{:+.0f} %", change * 100);
}

std::string percentile_table(const stats::Counts& now, const std::optional<stats::Counts>& then) {
  std::vector<Column> columns{{"PERCENTILE"}, {"TIME", Align::right}};
  if (then) {
    columns.push_back({"BEFORE", Align::right});
    columns.push_back({"CHANGE", Align::right});
  }
  Table table(std::move(columns));
  for (const double share : shares) {
    std::vector<Cell> row{share_name(share), quantile_text(now, share)};
    if (then) {
      row.emplace_back(quantile_text(*then, share));
      row.emplace_back(change_text(then->quantile_ns(share), now.quantile_ns(share)));
    }
    table.add(std::move(row));
  }
  return table.text();
}

using Octaves = std::array<std::uint64_t, HeatMap::octaves>;

Octaves octaves_of(const stats::Counts& counts) {
  Octaves out{};
  for (std::uint32_t i = 0; i < counts.bucket.size(); ++i) {
    out[octave_of_bucket(i)] += counts.bucket[i];
  }
  return out;
}

double share_of(std::uint64_t part, std::uint64_t total) {
  return total == 0 ? 0 : static_cast<double>(part) / static_cast<double>(total);
}

std::string bar(double share, double most, char with) {
  if (share == 0 || most == 0) return "";
  const auto length = static_cast<std::size_t>(share / most * static_cast<double>(bar_width) + 0.5);
  return std::string(std::max<std::size_t>(length, 1), with);
}

/// A line for each octave, and one more of `-` for what it was before.
std::string picture(const stats::Counts& now, const std::optional<stats::Counts>& then) {
  const Octaves a = octaves_of(now);
  const Octaves b = then ? octaves_of(*then) : Octaves{};
  const std::uint64_t b_total = then ? then->total : 0;
  double most = 0;
  std::uint32_t first = HeatMap::octaves;
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < HeatMap::octaves; ++i) {
    if (a[i] == 0 && b[i] == 0) continue;
    most = std::max({most, share_of(a[i], now.total), share_of(b[i], b_total)});
    first = std::min(first, i);
    last = i;
  }
  std::string out;
  for (std::uint32_t i = first; i <= last && first != HeatMap::octaves; ++i) {
    out +=
        fmt::format("{:>7} {:>6.2f} % {}\n", format_ns(1ULL << i), share_of(a[i], now.total) * 100,
                    styled(bar(share_of(a[i], now.total), most, '#'), Style::good));
    if (then) {
      out += fmt::format("{:>7} {:>6.2f} % {}\n", "before", share_of(b[i], b_total) * 100,
                         styled(bar(share_of(b[i], b_total), most, '-'), Style::dim));
    }
  }
  return out;
}

nlohmann::json percentiles_json(const stats::Counts& counts) {
  nlohmann::json out = nlohmann::json::object();
  for (const double share : shares) out[share_name(share)] = counts.quantile_ns(share);
  return out;
}

nlohmann::json json_of(const HistOptions& options, const stats::Counts& now,
                       const std::optional<stats::Counts>& then) {
  nlohmann::json out{{"name", options.name},
                     {"samples", now.total},
                     {"percentiles_ns", percentiles_json(now)},
                     {"buckets", nlohmann::json::array()}};
  for (std::uint32_t i = 0; i < now.bucket.size(); ++i) {
    if (now.bucket[i] == 0) continue;
    const bool last = i + 1 == now.bucket.size();
    out["buckets"].push_back(
        {{"low_ns", stats::bucket_low_ns(i)},
         {"high_ns", last ? nlohmann::json() : nlohmann::json(stats::bucket_low_ns(i + 1))},
         {"count", now.bucket[i]}});
  }
  if (then) {
    out["before"] = {{"samples", then->total}, {"percentiles_ns", percentiles_json(*then)}};
  }
  return out;
}

int run_hist(const Context& context, const HistOptions& options) {
  std::optional<stats::Counts> then;
  if (!options.compare.empty()) then = saved(options.compare);
  const auto now = look(context, options);
  if (context.json) {
    print_json(json_of(options, now, then));
    return exit_ok;
  }
  fmt::print("{}: {}, {} samples{}\n\n", printable(options.name), what_time(options), now.total,
             then ? fmt::format(", before {}", then->total) : "");
  fmt::print("{}\n{}", percentile_table(now, then), picture(now, then));
  return exit_ok;
}

}  // namespace

void add_hist(CLI::App& app, Context& context) {
  const auto options = std::make_shared<HistOptions>();
  auto& command = add_command(app, context, "hist", "Show how long a command takes, as a histogram",
                              [&context, options] { return run_hist(context, *options); });
  command.add_option("NAME", options->name, "Name of the command")->required();
  command.add_flag("--queue", options->queue,
                   "Time from the publish to the start, instead of time in the handler");
  command.add_option("--over", options->over, "Only what happens during this time from now")
      ->type_name("DURATION");
  command.add_option("--compare", options->compare, "Beside what --json saved earlier")
      ->type_name("FILE");
}

}  // namespace shmbus::cli
