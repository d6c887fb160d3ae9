#include "gateway/config_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "os/descriptor.hpp"

namespace shmbus::gateway {
namespace {

struct Close {
  void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
};

}  // namespace

Result<std::string> read_config_file(const std::string& path, std::size_t bytes_max) {
  const std::unique_ptr<std::FILE, Close> file(descriptor::stream(path.c_str(), "rb"));
  if (!file) return fail(ErrorKind::invalid_argument, std::strerror(errno), errno);
  std::string text;
  std::array<char, 65536> part{};
  for (;;) {
    const auto got = std::fread(part.data(), 1, part.size(), file.get());
    text.append(part.data(), got);
    if (text.size() > bytes_max) return fail(ErrorKind::too_large, "the file is too large");
    if (got < part.size()) break;
  }
  if (std::ferror(file.get()) != 0) {
    return fail(ErrorKind::invalid_argument, std::strerror(errno), errno);
  }
  return text;
}

}  // namespace shmbus::gateway
