#include "harness/histogram_picture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "harness/clock.hpp"
#include "harness/report_table.hpp"

namespace shmbus::bench {
namespace {

constexpr int kBarsPerOctave = 8;
constexpr int kTextWidth = 60;
constexpr std::array kColours{"#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d35400", "#34495e"};

struct Plot {
  double left = 60, top = 20, width = 760, height = 320;
  int bar_first = 0, bar_last = 1;
  double share_min = 1e-7;

  [[nodiscard]] double x(double bar) const {
    return left + width * (bar - bar_first) / std::max(1, bar_last - bar_first);
  }
  [[nodiscard]] double y(double share) const {
    const double at = std::log10(std::max(share, share_min)) / std::log10(share_min);
    return top + height * at;
  }
};

// Share of calls by bar; bar b holds latencies from 2^(b/8) ns.
std::map<int, double> bars_of(const LatencyHistogram& histogram) {
  std::map<int, double> bars;
  for (std::size_t bucket = 0; bucket + 1 < LatencyHistogram::kBuckets; ++bucket) {
    if (histogram.count_in(bucket) != 0) {
      const double ns =
          ticks_to_ns(static_cast<double>(LatencyHistogram::lower_edge(bucket)) + 0.5);
      const int bar = static_cast<int>(std::floor(std::log2(ns) * kBarsPerOctave));
      bars[bar] +=
          static_cast<double>(histogram.count_in(bucket)) / static_cast<double>(histogram.total());
    }
  }
  return bars;
}

double bar_ns(double bar) { return std::exp2(bar / kBarsPerOctave); }

template <class... Args>
void append(std::string& out, const char* format, Args... args) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), format, args...);
  out += text.data();
}

void append_axes(std::string& svg, const Plot& plot) {
  for (double share = 1; share >= plot.share_min * 0.99; share /= 10) {
    append(svg, "<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#ddd'/>\n", plot.left,
           plot.left + plot.width, plot.y(share), plot.y(share));
    append(svg, "<text x='%.0f' y='%.1f' text-anchor='end'>%g</text>\n", plot.left - 6,
           plot.y(share) + 4, share);
  }
  const int step =
      std::max(1, (plot.bar_last - plot.bar_first) / (10 * kBarsPerOctave)) * kBarsPerOctave;
  const int first = (plot.bar_first + kBarsPerOctave - 1) / kBarsPerOctave * kBarsPerOctave;
  for (int bar = first; bar <= plot.bar_last; bar += step) {
    append(svg, "<text x='%.1f' y='%.0f' text-anchor='middle'>%s</text>\n", plot.x(bar),
           plot.top + plot.height + 18, short_time(bar_ns(bar)).c_str());
  }
}

}  // namespace

std::string histogram_text(const NamedHistogram& named) {
  std::string text = named.name + ", " + std::to_string(named.histogram->total()) +
                     " calls; each bar is an eighth of a power of two, its length logarithmic\n";
  const std::map<int, double> bars = bars_of(*named.histogram);
  if (bars.empty()) {
    return text;
  }
  const double share_min = 1.0 / static_cast<double>(named.histogram->total());
  for (int bar = bars.begin()->first; bar <= bars.rbegin()->first; ++bar) {
    const auto found = bars.find(bar);
    if (found == bars.end()) {
      continue;  // long gaps between stalls would fill screens
    }
    const double filled = 1 - std::log(found->second) / std::log(share_min / 2);
    const auto length = static_cast<std::size_t>(std::max(1.0, filled * kTextWidth));
    append(text, "%10s  %9.5f %%  ", short_time(bar_ns(bar)).c_str(), 100 * found->second);
    text += std::string(length, '#') + "\n";
  }
  return text;
}

std::string histograms_svg(const std::vector<NamedHistogram>& histograms) {
  std::vector<std::map<int, double>> all;
  Plot plot;
  plot.bar_first = 1 << 20;
  for (const NamedHistogram& named : histograms) {
    all.push_back(bars_of(*named.histogram));
    if (!all.back().empty()) {
      plot.bar_first = std::min(plot.bar_first, all.back().begin()->first);
      plot.bar_last = std::max(plot.bar_last, all.back().rbegin()->first + 1);
    }
  }
  plot.bar_first = std::min(plot.bar_first, plot.bar_last - 1);
  const double legend = 18.0 * static_cast<double>(histograms.size());
  std::string svg;
  append(svg, "<svg xmlns='http://www.w3.org/2000/svg' width='840' height='%.0f' ", 380 + legend);
  svg +=
      "font-family='sans-serif' font-size='12'>\n<rect width='100%' height='100%' fill='white'/>\n";
  append_axes(svg, plot);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const char* colour = kColours[i % kColours.size()];
    append(svg, "<path fill='none' stroke='%s' stroke-width='1.5' d='", colour);
    bool first = true;
    for (int bar = plot.bar_first; bar <= plot.bar_last; ++bar) {
      const auto found = all[i].find(bar);
      const double share = found == all[i].end() ? 0 : found->second;
      append(svg, "%c%.1f %.1f", first ? 'M' : 'L', plot.x(bar + 0.5), plot.y(share));
      first = false;
    }
    svg += "'/>\n";
    append(svg, "<text x='70' y='%.0f' fill='%s'>", 378 + 18.0 * static_cast<double>(i), colour);
    svg += histograms[i].name + "</text>\n";
  }
  return svg + "</svg>\n";
}

}  // namespace shmbus::bench
