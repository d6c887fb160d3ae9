#include "cli/payload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/exit_codes.hpp"
#include "cli/files.hpp"

namespace shmbus::cli {
namespace {

constexpr std::size_t bytes_per_line = 16;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

}  // namespace

void add_payload_options(CLI::App& command, PayloadOptions& options) {
  auto* plain =
      command.add_option("PAYLOAD", options.plain,
                         "The request: JSON when its type is known, else text; - reads it "
                         "from standard input");
  auto* hex = command.add_option("--hex", options.hex, "The request as hexadecimal digits");
  auto* text = command.add_option("--text", options.text, "The request as it stands here");
  auto* file = command.add_option("--file", options.file, "The request is what this file holds")
                   ->type_name("FILE");
  plain->excludes(hex)->excludes(text)->excludes(file);
  hex->excludes(text)->excludes(file);
  text->excludes(file);
}

void check_payload(const PayloadOptions& options) {
  if (options.hex && !parse_hex(*options.hex)) {
    throw UsageError("--hex takes pairs of hexadecimal digits, like 'de ad be ef'");
  }
}

std::vector<std::byte> read_payload(const PayloadOptions& options, std::uint64_t most) {
  constexpr std::string_view advice =
      "no request that large fits the bus; create it with more --extents or larger --extent-bytes";
  if (options.file) return read_file(*options.file, most, advice);
  if (options.text) return bytes_of(*options.text);
  if (options.plain) {
    return *options.plain == "-" ? read_file("-", most, advice) : bytes_of(*options.plain);
  }
  if (!options.hex) return {};
  check_payload(options);
  return *parse_hex(*options.hex);
}

std::string hex_dump(std::span<const std::byte> bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += bytes_per_line) {
    const auto line = bytes.subspan(at, std::min(bytes_per_line, bytes.size() - at));
    std::string digits;
    std::string chars;
    for (const std::byte b : line) {
      const auto value = std::to_integer<unsigned char>(b);
      digits += fmt::format("{:02x} ", value);
      chars += value >= 0x20 && value < 0x7F ? static_cast<char>(value) : '.';
    }
    out += fmt::format("{:08x}  {:<48} {}\n", at, digits, chars);
  }
  return out;
}

}  // namespace shmbus::cli
