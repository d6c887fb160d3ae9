// Numbers, durations and sizes as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shmbus/options.hpp"

namespace shmbus {

/// Digits alone: no sign, no space, no other base. Nothing for what is no number, or is too large.
std::optional<std::uint64_t> parse_whole_number(std::string_view text, std::uint64_t most);
/// Digits, perhaps with a point. Neither a sign nor an exponent, infinity or NaN.
std::optional<double> parse_decimal(std::string_view text);

/// "500ms", "2s", "1.5s", "100us", "80ns", "3m", "1h", "forever". Nothing when it is none of these,
/// or more than 292 years.
std::optional<Duration> parse_duration(std::string_view text);

inline constexpr std::uint64_t bytes_max = std::uint64_t{1} << 60U;
/// "4096", "64K", "1M", "1G": units of 1024. Nothing for what is no size, or more than bytes_max.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace shmbus
