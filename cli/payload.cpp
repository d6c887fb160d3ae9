#include "cli/payload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/exit_codes.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli {
namespace {

constexpr std::size_t bytes_per_line = 16;
constexpr std::size_t read_chunk_bytes = 65536;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

std::vector<std::byte> read_stream(std::FILE* stream, std::string_view name) {
  std::vector<std::byte> bytes;
  for (;;) {
    const std::size_t had = bytes.size();
    bytes.resize(had + read_chunk_bytes);
    const std::size_t got = std::fread(bytes.data() + had, 1, read_chunk_bytes, stream);
    bytes.resize(had + got);
    if (got < read_chunk_bytes) break;
  }
  if (std::ferror(stream) != 0) {
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("cannot read {}: {}", name, std::strerror(errno)));
  }
  return bytes;
}

std::vector<std::byte> read_file(const std::string& path) {
  if (path == "-") return read_stream(stdin, "standard input");
  struct Close {
    void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(descriptor::stream(path.c_str(), "rb"));
  if (!file) {
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("cannot open {}: {}; give a file that can be read, or - for standard "
                              "input",
                              path, std::strerror(errno)));
  }
  return read_stream(file.get(), path);
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

std::vector<std::byte> read_payload(const PayloadOptions& options) {
  if (options.file) return read_file(*options.file);
  if (options.text) return bytes_of(*options.text);
  if (options.plain) return *options.plain == "-" ? read_file("-") : bytes_of(*options.plain);
  if (!options.hex) return {};
  const auto parsed = parse_hex(*options.hex);
  if (!parsed) throw UsageError("--hex takes pairs of hexadecimal digits, like 'de ad be ef'");
  return *parsed;
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
