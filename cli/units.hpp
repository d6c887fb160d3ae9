// Durations, sizes and rates as people read and write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shmbus/options.hpp"

namespace shmbus::cli {

std::string format_ns(std::uint64_t ns);        // "850ns", "1.2us", "54us", "3.4s"
std::string format_age(std::uint64_t ns);       // "12s", "5m", "3h", "9d"
std::string format_bytes(std::uint64_t bytes);  // "512 B", "5.8 MiB"
std::string format_rate(double per_s);          // "0", "12.5", "1.2M"
std::string format_count(std::uint64_t count);  // "12345", "1.2M" from ten million on

/// "500ms", "2s", "1.5s", "100us", "80ns", "3m", "1h", "forever". Nothing when it is none of these.
std::optional<Duration> parse_duration(std::string_view text);
/// The same, or a UsageError that shows how to write one.
Duration duration_or_fail(std::string_view text);

inline constexpr std::uint64_t bytes_max = std::uint64_t{1} << 60U;
/// "4096", "64K", "1M", "1G": units of 1024. Nothing for what is no size, or more than bytes_max.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace shmbus::cli
