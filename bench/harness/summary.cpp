#include "harness/summary.hpp"

#include <algorithm>
#include <map>

#include "harness/clock.hpp"
#include "harness/statistics.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kSamplesMin = 3;

using Counts = std::map<Placement, std::size_t>;

Placement most_frequent(const Counts& counts) {
  Placement best = Placement::mixed;
  std::size_t most = 0;
  for (const auto& [placement, count] : counts) {
    if (count > most && placement != Placement::mixed) {
      most = count;
      best = placement;
    }
  }
  return best;
}

Counts count_placements(const Row& row, bool only_quiet) {
  Counts counts;
  for (const Sample& sample : row.samples) {
    counts[sample.placement] += sample.quiet || !only_quiet ? 1 : 0;
  }
  return counts;
}

double median_field(const std::vector<Sample>& samples, double Sample::*field) {
  std::vector<double> values;
  for (const Sample& sample : samples) {
    if (sample.*field > 0) {
      values.push_back(sample.*field);
    }
  }
  return median_of(std::move(values));
}

// The row's rounds of one placement, undisturbed ones if there are enough.
std::vector<Sample> choose(const Row& row, Placement dominant, Figure& figure) {
  const std::size_t enough = std::min(kSamplesMin, row.samples.size());
  for (const bool only_quiet : {true, false}) {
    Counts counts = count_placements(row, only_quiet);
    const Placement chosen = counts[dominant] >= enough ? dominant : most_frequent(counts);
    if (counts[chosen] < enough && only_quiet) {
      continue;
    }
    figure.placement = placement_name(chosen);
    figure.quiet = only_quiet;
    std::vector<Sample> samples;
    for (const Sample& sample : row.samples) {
      if (sample.placement == chosen && (sample.quiet || !only_quiet)) {
        samples.push_back(sample);
      }
    }
    return samples;
  }
  return {};
}

Figure describe(const Row& row, Placement dominant) {
  Figure figure{.name = row.entry->name,
                .payload = row.entry->payload,
                .mode = row.entry->mode,
                .unit = row.entry->unit,
                .ratio_to = row.entry->ratio_to,
                .placement = {},
                .samples = {},
                .ratio_samples = {},
                .status = row.status,
                .why = row.why};
  const std::vector<Sample> samples = choose(row, dominant, figure);
  for (const Sample& sample : samples) {
    figure.samples.push_back(sample.value);
    if (sample.ratio > 0) {
      figure.ratio_samples.push_back(sample.ratio);
    }
  }
  figure.value = median_of(figure.samples);
  figure.spread = relative_spread(figure.samples);
  figure.p50 = median_field(samples, &Sample::p50);
  figure.p90 = median_field(samples, &Sample::p90);
  figure.p99 = median_field(samples, &Sample::p99);
  figure.p999 = median_field(samples, &Sample::p999);
  figure.ratio = median_of(figure.ratio_samples);
  figure.ratio_p99 = median_field(samples, &Sample::ratio_p99);
  if (row.latency().total() != 0) {
    figure.p9999 = ticks_to_ns(row.latency().quantile(0.9999));
    figure.max = ticks_to_ns(row.latency().max());
  }
  return figure;
}

}  // namespace

double Figure::rate() const noexcept {
  if (unit == Unit::per_second) {
    return value;
  }
  return unit == Unit::nanoseconds && value > 0 ? 1e9 / value : 0;
}

std::vector<Figure> summarize(const Run& run, std::optional<Placement> wanted) {
  Counts all;
  for (const Row& row : run.rows) {
    for (const auto& [placement, count] : count_placements(row, false)) {
      all[placement] += count;
    }
  }
  const Placement dominant = wanted.value_or(most_frequent(all));
  std::vector<Figure> figures;
  for (const Row& row : run.rows) {
    figures.push_back(describe(row, dominant));
  }
  return figures;
}

}  // namespace shmbus::bench
