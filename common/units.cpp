#include "common/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace shmbus {
namespace {

constexpr std::size_t digits_max = 18;

struct Measure {
  double value;
  std::string_view unit;
};

std::optional<Measure> split_measure(std::string_view text) {
  const auto end = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto value = parse_decimal(text.substr(0, end));
  if (!value) return std::nullopt;
  return Measure{*value, text.substr(end)};
}

}  // namespace

std::optional<std::uint64_t> parse_whole_number(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end || value > most) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> parse_decimal(std::string_view text) {
  // Not strtod: it reads "inf", "nan" and "0x1p3" too, and the point of the locale.
  const auto point = std::min(text.find('.'), text.size());
  const auto whole = text.substr(0, point);
  const auto rest = text.substr(std::min(point + 1, text.size()));
  const auto digits = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  const bool good = digits(whole) && digits(rest) && whole.size() + rest.size() != 0 &&
                    whole.size() <= digits_max && rest.size() <= digits_max;
  if (!good) return std::nullopt;
  double value = 0;
  for (const char c : whole) value = value * 10 + (c - '0');
  double part = 0;
  double scale = 1;
  for (const char c : rest) {
    part = part * 10 + (c - '0');
    scale *= 10;
  }
  return value + part / scale;
}

std::optional<Duration> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 6> units{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  if (text == "forever") return forever;
  const auto number = split_measure(text);
  if (!number) return std::nullopt;
  if (number->value == 0 && number->unit.empty()) return Duration::zero();
  for (const auto& [unit, ns] : units) {
    if (unit != number->unit) continue;
    const double total = number->value * ns;
    if (total > 9.2e18) return std::nullopt;
    return Duration(std::llround(total));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto number = split_measure(text);
  if (!number) return std::nullopt;
  double factor = 1;
  if (number->unit == "K" || number->unit == "KiB") factor = 1024;
  if (number->unit == "M" || number->unit == "MiB") factor = 1024.0 * 1024;
  if (number->unit == "G" || number->unit == "GiB") factor = 1024.0 * 1024 * 1024;
  if (factor == 1 && !number->unit.empty()) return std::nullopt;
  const double bytes = number->value * factor;
  if (!(bytes <= static_cast<double>(bytes_max))) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace shmbus
