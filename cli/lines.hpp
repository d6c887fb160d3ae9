// Standard input line by line, within a budget.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus::cli {

/// JSON takes up to six characters for a byte of a text, and names beside.
constexpr std::size_t line_bytes_of(std::size_t message) noexcept { return 8 * message + 65536; }

/// The next line of standard input, up to its first zero byte; nothing at its end. Throws Failure
/// (too_large), with `advice`, for a line that has no place in `room`.
std::optional<std::string> next_line(std::vector<char>& room, std::string_view advice);

}  // namespace shmbus::cli
