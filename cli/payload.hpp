// The bytes a command is sent with, and how its reply is shown.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/files.hpp"
#include "codec/hex.hpp"

namespace shmbus::cli {

struct PayloadOptions {
  std::optional<std::string> plain;  ///< the argument: text, or "-" for standard input
  std::optional<std::string> hex;
  std::optional<std::string> text;
  std::optional<std::string> file;
};
void add_payload_options(CLI::App& command, PayloadOptions& options);

/// Throws UsageError for digits that are none, before anything is done.
void check_payload(const PayloadOptions& options);

/// No bytes when nothing was given. Throws Failure (too_large) when a file or standard input has
/// more than `bytes_max`.
std::vector<std::byte> read_payload(const PayloadOptions& options,
                                    std::uint64_t bytes_max = request_bytes_max);

using codec::parse_hex;
using codec::to_hex;
/// Offset, bytes and characters, 16 a line.
std::string hex_dump(std::span<const std::byte> bytes);

inline std::string_view as_chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace shmbus::cli
