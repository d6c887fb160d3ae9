// What happened between two snapshots, by command and by process: the rows of `shmbus top`. Nothing
// is reset on the bus; the earlier snapshot is the baseline.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/snapshot.hpp"

namespace shmbus::cli {

struct CommandRow {
  const inspect::NameInfo* now = nullptr;  ///< in the later snapshot
  double per_s = 0;
  double errors_per_s = 0;
  stats::Counts service;
};

/// A participant: what it called and what it served.
struct ProcessRow {
  const inspect::ParticipantInfo* now = nullptr;
  double calls_per_s = 0;  ///< calls and one-way commands that it made
  double errors_per_s = 0;
  double served_per_s = 0;
  double parks_per_s = 0;       ///< how often its handlers fell asleep
  std::uint64_t waiting = 0;    ///< commands at its endpoints: waiting or under way
  std::uint64_t under_way = 0;  ///< its own commands that are not answered yet
  stats::Counts round_trip;
};

std::vector<CommandRow> command_rows(const inspect::Snapshot& before, const inspect::Snapshot& now);
std::vector<ProcessRow> process_rows(const inspect::Snapshot& before, const inspect::Snapshot& now);

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
