#include "harness/report_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "harness/statistics.hpp"

namespace shmbus::bench {
namespace {

constexpr std::array kHeads{"name", "mode",  "figure",    "p50", "p99",    "p99.9",  "p99.99",
                            "max",  "ratio", "ratio p99", "to",  "spread", "rounds", "placement"};
using Line = std::array<std::string, kHeads.size()>;
constexpr std::array kLeftAligned{0, 1, 10, 13};

std::string significant(double value, const char* suffix) {
  const double size = std::fabs(value);
  const int decimals = size >= 100 || value == std::floor(value) ? 0 : size >= 10 ? 1 : 2;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f%s", decimals, value, suffix);
  return text.data();
}

std::string figure_text(const Figure& figure) {
  switch (figure.unit) {
    case Unit::nanoseconds:
      return short_time(figure.value);
    case Unit::per_second:
      return short_number(figure.value) + "/s";
    case Unit::bytes:
      return short_number(figure.value) + "B";
    case Unit::count:
      return short_number(figure.value);
    case Unit::percent:
      return significant(figure.value, " %");
  }
  return "?";
}

std::string optional_time(double ns) { return ns > 0 ? short_time(ns) : ""; }

std::string optional_ratio(double ratio) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(),
                ratio < 0.1   ? "%.4f"
                : ratio < 100 ? "%.2f"
                              : "%.0f",
                ratio);
  return ratio > 0 ? text.data() : "";
}

Line line_of(const Figure& figure) {
  if (figure.status != RoundResult::Status::ok && figure.samples.empty()) {
    const bool failed = figure.status == RoundResult::Status::failed;
    return {figure.name, figure.mode, failed ? "FAILED" : "skipped"};
  }
  return {figure.name,
          figure.mode,
          figure_text(figure),
          optional_time(figure.p50),
          optional_time(figure.p99),
          optional_time(figure.p999),
          optional_time(figure.p9999),
          optional_time(figure.max),
          optional_ratio(figure.ratio),
          optional_ratio(figure.ratio_p99),
          figure.ratio_to,
          significant(100 * figure.spread, " %"),
          std::to_string(figure.samples.size()),
          figure.placement + (figure.quiet ? "" : ", disturbed")};
}

void append_line(std::string& text, const Line& line,
                 const std::array<std::size_t, kHeads.size()>& widths) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::string pad(widths[i] - line[i].size(), ' ');
    const bool left = std::find(kLeftAligned.begin(), kLeftAligned.end(), i) != kLeftAligned.end();
    out += (i == 0 ? "" : "  ") + (left ? line[i] + pad : pad + line[i]);
  }
  out.erase(out.find_last_not_of(' ') + 1);
  text += out + "\n";
}

// How far other programs got in the way.
std::string quiet_text(const Run& run) {
  std::size_t all = 0;
  std::size_t quiet = 0;
  for (const Row& row : run.rows) {
    all += row.samples.size();
    quiet += static_cast<std::size_t>(std::count_if(
        row.samples.begin(), row.samples.end(), [](const Sample& sample) { return sample.quiet; }));
  }
  return "quiet      " + std::to_string(quiet) + " of " + std::to_string(all) +
         " rounds ran without other programs taking a core\n";
}

}  // namespace

std::string short_number(double value) {
  const double size = std::fabs(value);
  if (size >= 1e9) return significant(value / 1e9, " G");
  if (size >= 1e6) return significant(value / 1e6, " M");
  if (size >= 1e4) return significant(value / 1e3, " k");
  return significant(value, "");
}

std::string short_time(double ns) {
  if (ns >= 1e9) return significant(ns / 1e9, " s");
  if (ns >= 1e6) return significant(ns / 1e6, " ms");
  if (ns >= 1e3) return significant(ns / 1e3, " us");
  return significant(ns, " ns");
}

std::string machine_text(const Machine& machine, const Run& run) {
  std::string text = "machine    " + machine.cpu + ", " + std::to_string(machine.cores) +
                     " cores, " + machine.hypervisor + ", governor " + machine.governor + "\n" +
                     "kernel     " + machine.kernel + "\ncompiler   " + machine.compiler + ", " +
                     machine.build + "\ncommit     " + machine.commit + "\nplacement  ";
  std::map<Placement, std::vector<PlacementProbe>> groups;
  for (const PlacementProbe& probe : run.probes) {
    groups[probe.placement].push_back(probe);
  }
  bool first = true;
  for (const auto& [placement, probes] : groups) {
    std::vector<double> line;
    std::vector<double> buffer;
    std::vector<double> load;
    for (const PlacementProbe& probe : probes) {
      line.push_back(probe.line_ns);
      buffer.push_back(probe.buffer_64k_ns);
      load.push_back(probe.load_ns);
    }
    text += (first ? "" : "; ") + std::string(placement_name(placement)) + " " +
            std::to_string(probes.size()) + "x (line " + short_time(median_of(line)) +
            ", hot 64 KiB " + short_time(median_of(buffer)) + ", load " +
            short_time(median_of(load)) + ")";
    first = false;
  }
  return text + "\n" + quiet_text(run);
}

std::string figures_table(const std::vector<Figure>& figures) {
  std::vector<Line> lines;
  Line heads;
  std::copy(kHeads.begin(), kHeads.end(), heads.begin());
  lines.push_back(heads);
  for (const Figure& figure : figures) {
    lines.push_back(line_of(figure));
  }
  std::array<std::size_t, kHeads.size()> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  std::string text;
  for (const Line& line : lines) {
    append_line(text, line, widths);
  }
  for (const Figure& figure : figures) {
    if (figure.status != RoundResult::Status::ok) {
      const bool failed = figure.status == RoundResult::Status::failed;
      text += (failed ? "FAILED   " : "skipped  ") + figure.name + ": " + figure.why + "\n";
    }
  }
  return text;
}

}  // namespace shmbus::bench
