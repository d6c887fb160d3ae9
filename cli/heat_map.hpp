// A latency heat map: time from left to right, latency from bottom to top in octaves, colour for
// how many. What `shmbus heat` draws, on a terminal, as plain text and as SVG.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "stats/histogram.hpp"

namespace shmbus::cli {

class HeatMap {
 public:
  static constexpr std::uint32_t octaves = 41;  ///< row i: from 2^i ns up to 2^(i+1), the last on

  struct Column {
    std::int64_t unix_ms = 0;  ///< its end
    std::array<std::uint64_t, octaves> count{};
  };

  explicit HeatMap(std::size_t columns_max) : columns_max_(columns_max) {}
  /// The oldest column goes when there are too many.
  void add(std::int64_t unix_ms, const stats::Counts& interval);

  /// A map of the last columns alone.
  [[nodiscard]] HeatMap newest(std::size_t columns) const;

  [[nodiscard]] const std::deque<Column>& columns() const noexcept { return columns_; }
  /// Rows of characters, with the latencies at the left and the times below.
  [[nodiscard]] std::string text(bool coloured) const;
  [[nodiscard]] std::string svg(std::string_view title) const;

 private:
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> rows_in_use() const noexcept;
  [[nodiscard]] std::uint64_t most() const noexcept;
  /// 0 for none, else 1 to `levels`.
  [[nodiscard]] std::uint32_t level(std::uint64_t count, std::uint32_t levels) const noexcept;

  std::size_t columns_max_;
  std::deque<Column> columns_;
};

/// Octave of a bucket of the segment's histograms.
std::uint32_t octave_of_bucket(std::uint32_t bucket) noexcept;

}  // namespace shmbus::cli
