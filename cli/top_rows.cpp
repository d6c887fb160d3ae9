#include "cli/top_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace shmbus::cli {
namespace {

constexpr std::array<std::pair<std::string_view, SortKey>, 8> sort_keys{{
    {"rate", SortKey::rate},
    {"p50", SortKey::p50},
    {"p99", SortKey::p99},
    {"p99.9", SortKey::p999},
    {"max", SortKey::max},
    {"depth", SortKey::depth},
    {"errors", SortKey::errors},
    {"name", SortKey::name},
}};

/// A key that is a quantile of `times`, or 0.
double quantile_of(const stats::Counts& times, SortKey key) noexcept {
  const auto quantile = [&](double share) { return static_cast<double>(times.quantile_ns(share)); };
  switch (key) {
    case SortKey::p50:
      return quantile(0.5);
    case SortKey::p99:
      return quantile(0.99);
    case SortKey::p999:
      return quantile(0.999);
    case SortKey::max:
      return quantile(1);
    default:
      return 0;
  }
}

double value_of(const CommandRow& row, SortKey key) noexcept {
  switch (key) {
    case SortKey::rate:
      return row.per_s;
    case SortKey::depth:
      return row.now->depth;
    case SortKey::errors:
      return row.errors_per_s;
    default:
      return quantile_of(row.service, key);
  }
}

double value_of(const ProcessRow& row, SortKey key) noexcept {
  switch (key) {
    case SortKey::rate:
      return row.calls_per_s + row.served_per_s;
    case SortKey::depth:
      return static_cast<double>(row.waiting + row.under_way);
    case SortKey::errors:
      return row.errors_per_s;
    default:
      return quantile_of(row.round_trip, key);
  }
}

const std::string& name_of(const CommandRow& row) noexcept { return row.now->name; }
const std::string& name_of(const ProcessRow& row) noexcept { return row.now->label; }

template <class Row>
void sort_by(std::vector<Row>& rows, SortKey key) {
  std::stable_sort(rows.begin(), rows.end(), [key](const Row& a, const Row& b) {
    const double left = value_of(a, key);
    const double right = value_of(b, key);
    return left != right ? left > right : name_of(a) < name_of(b);
  });
}

}  // namespace

std::optional<SortKey> sort_key_from(std::string_view text) noexcept {
  for (const auto& [name, key] : sort_keys) {
    if (name == text) return key;
  }
  return std::nullopt;
}

std::string_view to_string(SortKey key) noexcept {
  return sort_keys[static_cast<std::size_t>(key)].first;
}

void sort_rows(std::vector<CommandRow>& rows, SortKey key) { sort_by(rows, key); }
void sort_rows(std::vector<ProcessRow>& rows, SortKey key) { sort_by(rows, key); }

void filter_rows(std::vector<CommandRow>& rows, std::string_view text) {
  std::erase_if(rows, [text](const CommandRow& row) {
    return row.now->name.find(text) == std::string::npos &&
           row.now->owner_label.find(text) == std::string::npos;
  });
}

void filter_rows(std::vector<ProcessRow>& rows, std::string_view text) {
  std::erase_if(rows, [text](const ProcessRow& row) {
    return row.now->label.find(text) == std::string::npos;
  });
}

void RateHistory::add(const std::string& row, double per_s) {
  constexpr std::size_t rows_max = 4096;  // of rows that may be long gone
  if (rates_.size() > rows_max) rates_.clear();
  auto& rates = rates_[row];
  rates.push_back(per_s);
  if (rates.size() > length) rates.pop_front();
}

std::string RateHistory::sparkline(const std::string& row) const {
  static constexpr std::array<std::string_view, 8> bars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto at = rates_.find(row);
  if (at == rates_.end()) return "";
  const double most = *std::max_element(at->second.begin(), at->second.end());
  std::string out;
  for (const double per_s : at->second) {
    const double share = most > 0 ? per_s / most : 0;
    out += bars[static_cast<std::size_t>(share * (bars.size() - 1) + 0.5)];
  }
  return out;
}

std::string key_of(const CommandRow& row) { return row.now->name; }
std::string key_of(const ProcessRow& row) {
  return fmt::format("{}/{}.{}", row.now->pid, row.now->index, row.now->epoch);
}

}  // namespace shmbus::cli
