#include "cli/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/exit_codes.hpp"
#include "cli/units.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli {
namespace {

constexpr std::size_t chunk_bytes = 65536;

struct Close {
  void operator()(std::FILE* file) const noexcept {
    if (file != stdin) (void)std::fclose(file);
  }
};
using Stream = std::unique_ptr<std::FILE, Close>;

Stream open_stream(const std::string& path) {
  if (path == "-") return Stream(stdin);
  Stream file(descriptor::stream(path.c_str(), "rb"));
  if (!file) {
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("cannot open {}: {}; give a file that can be read, or - for standard "
                              "input",
                              path, std::strerror(errno)));
  }
  return file;
}

bool begins_with(const std::vector<std::byte>& bytes, std::string_view magic) {
  const std::size_t seen = std::min(bytes.size(), magic.size());
  return std::memcmp(bytes.data(), magic.data(), seen) == 0;
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path, std::uint64_t most,
                                 std::string_view advice, std::string_view magic,
                                 std::string_view when_not_magic) {
  const Stream stream = open_stream(path);
  const std::string name = path == "-" ? "standard input" : path;
  std::vector<std::byte> bytes;
  for (;;) {
    const std::size_t had = bytes.size();
    bytes.resize(had + chunk_bytes);
    const std::size_t got = std::fread(bytes.data() + had, 1, chunk_bytes, stream.get());
    bytes.resize(had + got);
    if (!magic.empty() && had == 0 && (got < magic.size() || !begins_with(bytes, magic))) {
      throw Failure(ErrorKind::invalid_argument, fmt::format("{}: {}", name, when_not_magic));
    }
    if (bytes.size() > most) {
      throw Failure(ErrorKind::too_large,
                    fmt::format("{} has more than {}: {}", name, format_bytes(most), advice));
    }
    if (got < chunk_bytes) break;
  }
  if (std::ferror(stream.get()) != 0) {
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("cannot read {}: {}", name, std::strerror(errno)));
  }
  return bytes;
}

}  // namespace shmbus::cli
