// Durations, sizes and rates as people read and write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/units.hpp"

namespace shmbus::cli {

std::string format_ns(std::uint64_t ns);        // "850ns", "1.2us", "54us", "3.4s"
std::string format_age(std::uint64_t ns);       // "12s", "5m", "3h", "9d"
std::string format_bytes(std::uint64_t bytes);  // "512 B", "5.8 MiB"
std::string format_rate(double per_s);          // "0", "12.5", "1.2M"
std::string format_count(std::uint64_t count);  // "12345", "1.2M" from ten million on

using shmbus::parse_bytes;
using shmbus::parse_duration;
/// parse_duration, or a UsageError that shows how to write one.
Duration duration_or_fail(std::string_view text);

using shmbus::bytes_max;

}  // namespace shmbus::cli
