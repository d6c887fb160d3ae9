// Files that people name on a command line, read whole, within a budget: a device or a pipe may
// have no end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus::cli {

/// At most this much of a document in JSON.
inline constexpr std::uint64_t json_bytes_max = 64U << 20U;
/// At most this much of a request as it is, unless its bus holds more or less.
inline constexpr std::uint64_t request_bytes_max = 64U << 20U;
/// At most this much of a recording.
inline constexpr std::uint64_t recording_bytes_max = std::uint64_t{1} << 30U;

/// The whole file, or standard input for "-". Throws a Failure that names it: invalid_argument when
/// it cannot be read, or does not begin with `magic`; too_large, with `advice`, beyond `bytes_max`.
std::vector<std::byte> read_file(const std::string& path, std::uint64_t bytes_max,
                                 std::string_view advice, std::string_view magic = {},
                                 std::string_view when_not_magic = {});

}  // namespace shmbus::cli
