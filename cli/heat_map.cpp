#include "cli/heat_map.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "cli/units.hpp"
#include "common/escape.hpp"

namespace shmbus::cli {
namespace {

// From few to many. Colours of the 256 that terminals have, and their like in SVG.
constexpr std::string_view shades = ".:-=+*%#@";
constexpr std::array<int, 9> terminal_colours{17, 18, 19, 54, 90, 126, 161, 202, 220};
constexpr std::array<const char*, 9> svg_colours{"#1d1147", "#3b0f70", "#641a80",
                                                 "#8c2981", "#b73779", "#de4968",
                                                 "#f7705c", "#fe9f6d", "#fcfdbf"};
constexpr std::uint32_t levels = 9;
static_assert(shades.size() == levels);

constexpr int label_width = 8;

std::string clock_text(std::int64_t unix_ms) {
  return fmt::format("{:%H:%M:%S}", fmt::localtime(static_cast<std::time_t>(unix_ms / 1000)));
}

}  // namespace

std::uint32_t octave_of_bucket(std::uint32_t bucket) noexcept {
  const std::uint64_t low = stats::bucket_low_ns(bucket);
  const auto octave = low == 0 ? 0U : static_cast<std::uint32_t>(std::bit_width(low)) - 1U;
  return std::min(octave, HeatMap::octaves - 1);
}

void HeatMap::add(std::int64_t unix_ms, const stats::Counts& interval) {
  Column column;
  column.unix_ms = unix_ms;
  for (std::uint32_t i = 0; i < interval.bucket.size(); ++i) {
    column.count[octave_of_bucket(i)] += interval.bucket[i];
  }
  columns_.push_back(column);
  if (columns_.size() > columns_max_) columns_.pop_front();
}

HeatMap HeatMap::newest(std::size_t columns) const {
  HeatMap out(columns);
  out.columns_ = columns_;
  while (out.columns_.size() > columns) out.columns_.pop_front();
  return out;
}

/// First and last octave with something in them; a few around a thousand nanoseconds when empty.
std::pair<std::uint32_t, std::uint32_t> HeatMap::rows_in_use() const noexcept {
  std::uint32_t first = octaves;
  std::uint32_t last = 0;
  for (const auto& column : columns_) {
    for (std::uint32_t i = 0; i < octaves; ++i) {
      if (column.count[i] == 0) continue;
      first = std::min(first, i);
      last = std::max(last, i);
    }
  }
  return first > last ? std::pair{8U, 12U} : std::pair{first, last};
}

std::uint64_t HeatMap::most() const noexcept {
  std::uint64_t most = 1;
  for (const auto& column : columns_) {
    most = std::max(most, *std::max_element(column.count.begin(), column.count.end()));
  }
  return most;
}

/// By logarithm: one slow command among a million must not vanish.
std::uint32_t HeatMap::level(std::uint64_t count, std::uint32_t of) const noexcept {
  if (count == 0) return 0;
  const double share =
      std::log1p(static_cast<double>(count)) / std::log1p(static_cast<double>(most()));
  return std::clamp(static_cast<std::uint32_t>(std::ceil(share * of)), 1U, of);
}

std::string HeatMap::text(bool coloured) const {
  const auto [first, last] = rows_in_use();
  std::string out;
  for (std::uint32_t row = last + 1; row-- > first;) {
    out += fmt::format("{:>{}} |", format_ns(1ULL << row), label_width);
    for (const auto& column : columns_) {
      const std::uint32_t shade = level(column.count[row], levels);
      if (shade == 0) {
        out += ' ';
      } else if (coloured) {
        out += fmt::format("\x1b[48;5;{}m \x1b[0m", terminal_colours[shade - 1]);
      } else {
        out += shades[shade - 1];
      }
    }
    out += '\n';
  }
  out += fmt::format("{:>{}} +{}\n", "", label_width, std::string(columns_.size(), '-'));
  if (!columns_.empty()) {
    out += fmt::format("{:>{}}  {:<{}}", "", label_width, clock_text(columns_.front().unix_ms),
                       columns_.size() > 18 ? columns_.size() - 8 : 0);
    if (columns_.size() > 18) out += clock_text(columns_.back().unix_ms);
    out += '\n';
  }
  return out;
}

std::string HeatMap::svg(std::string_view title) const {
  constexpr int cell_width = 10;
  constexpr int cell_height = 14;
  constexpr int left = 70;
  constexpr int top = 40;
  const auto [first, last] = rows_in_use();
  const int width = std::max(left + static_cast<int>(columns_.size()) * cell_width + 20, 320);
  const int bottom = top + static_cast<int>(last - first + 1) * cell_height;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"{}\" y=\"22\" font-size=\"14\">{}</text>\n",
      width, bottom + 30, left, escape::svg(title));
  for (std::uint32_t row = first; row <= last; ++row) {
    const int y = top + static_cast<int>(last - row) * cell_height;
    // patterns: numbers alone, here and below
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", left - 6,
                       y + cell_height, format_ns(1ULL << row));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto count = columns_[i].count[row];
      if (count == 0) continue;
      out += fmt::format(  // patterns: numbers alone
          "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{}: {} from {} "
          "to {}</title></rect>\n",
          left + static_cast<int>(i) * cell_width, y, cell_width, cell_height,
          svg_colours[level(count, levels) - 1], clock_text(columns_[i].unix_ms), count,
          format_ns(1ULL << row), format_ns(2ULL << row));
    }
  }
  if (!columns_.empty()) {
    // patterns: numbers alone
    out += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", left, bottom + 16,
                       clock_text(columns_.front().unix_ms));
    out += fmt::format(  // patterns: numbers alone
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
        left + static_cast<int>(std::max<std::size_t>(columns_.size(), 14)) * cell_width,
        bottom + 16, clock_text(columns_.back().unix_ms));
  }
  return out + "</svg>\n";
}

}  // namespace shmbus::cli
