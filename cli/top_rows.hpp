// The rows of `shmbus top`: sorted, filtered, with their history.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/rows.hpp"

namespace shmbus::cli {

using inspect::command_rows;
using inspect::CommandRow;
using inspect::process_rows;
using inspect::ProcessRow;

enum class SortKey : std::uint8_t { rate, p50, p99, p999, max, depth, errors, name };

std::optional<SortKey> sort_key_from(std::string_view text) noexcept;
std::string_view to_string(SortKey key) noexcept;

/// Largest first, names in order; ties by name.
void sort_rows(std::vector<CommandRow>& rows, SortKey key);
void sort_rows(std::vector<ProcessRow>& rows, SortKey key);

/// Keeps what has `text` in its name or its owner's label.
void filter_rows(std::vector<CommandRow>& rows, std::string_view text);
void filter_rows(std::vector<ProcessRow>& rows, std::string_view text);

/// The last rates of each row, for its sparkline.
class RateHistory {
 public:
  static constexpr std::size_t length = 16;
  void add(const std::string& row, double per_s);
  /// One character for each rate, oldest first, scaled to the largest.
  [[nodiscard]] std::string sparkline(const std::string& row) const;

 private:
  std::map<std::string, std::deque<double>> rates_;
};

/// "user.create"; "4711/0.3": what a row is known by in the history.
std::string key_of(const CommandRow& row);
std::string key_of(const ProcessRow& row);

}  // namespace shmbus::cli
