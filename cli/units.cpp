#include "cli/units.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "cli/exit_codes.hpp"

namespace shmbus::cli {
namespace {

/// Two significant digits or more, never a needless ".0" below ten.
std::string scaled(double value, std::string_view unit) {
  if (value < 9.95) return fmt::format("{:.1f}{}", value, unit);
  return fmt::format("{:.0f}{}", value, unit);
}

}  // namespace

std::string format_ns(std::uint64_t ns) {
  const auto value = static_cast<double>(ns);
  if (ns < 1'000) return fmt::format("{}ns", ns);
  if (value < 999.5e3) return scaled(value / 1e3, "us");
  if (value < 999.5e6) return scaled(value / 1e6, "ms");
  return scaled(value / 1e9, "s");
}

std::string format_age(std::uint64_t ns) {
  const std::uint64_t s = ns / 1'000'000'000;
  if (s < 120) return fmt::format("{}s", s);
  if (s < 7'200) return fmt::format("{}m", s / 60);
  if (s < 172'800) return fmt::format("{}h", s / 3600);
  return fmt::format("{}d", s / 86'400);
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> units{" KiB", " MiB", " GiB", " TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  const bool whole = value == std::floor(value);
  return whole ? fmt::format("{:.0f}{}", value, units[unit])
               : fmt::format("{:.1f}{}", value, units[unit]);
}

std::string format_rate(double per_s) {
  if (per_s < 0.05) return "0";
  if (per_s < 1e3) return scaled(per_s, "");
  if (per_s < 999.5e3) return scaled(per_s / 1e3, "k");
  return scaled(per_s / 1e6, "M");
}

std::string format_count(std::uint64_t count) {
  if (count < 10'000'000) return std::to_string(count);
  return scaled(static_cast<double>(count) / 1e6, "M");
}

Duration duration_or_fail(std::string_view text) {
  const auto parsed = parse_duration(text);
  if (!parsed) {
    throw UsageError(
        fmt::format("'{}' is no duration; write one like 500ms, 2s or 1m, up to 292 years", text));
  }
  return *parsed;
}

}  // namespace shmbus::cli
