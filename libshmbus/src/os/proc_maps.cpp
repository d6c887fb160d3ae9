#include "os/proc_maps.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>
#include <system_error>

#include "os/descriptor.hpp"

namespace shmbus::proc_maps {
namespace {

struct Stream {
  std::FILE* file;
  ~Stream() {
    if (file != nullptr) std::fclose(file);
  }
};

struct Mapped {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uint64_t offset = 0;
  std::string_view file;  ///< of the line
};

/// Cuts the text up to `end` off `rest`.
std::string_view cut(std::string_view& rest, char end) {
  const std::string_view field = rest.substr(0, rest.find(end));
  rest.remove_prefix(std::min(field.size() + 1, rest.size()));
  return field;
}

template <class T>
bool from_hex(std::string_view text, T& out) {
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out, 16);
  return read.ec == std::errc() && read.ptr == end;
}

/// "begin-end flags offset device inode  path", as proc_pid_maps(5) has it.
bool parse(std::string_view line, Mapped& out) {
  if (!from_hex(cut(line, '-'), out.begin) || !from_hex(cut(line, ' '), out.end)) return false;
  (void)cut(line, ' ');
  if (!from_hex(cut(line, ' '), out.offset)) return false;
  const auto inode = line.find(' ') + 1;  // 0 when there is none
  if (inode == 0) return false;
  out.file = line.substr(0, line.find_first_of(" \n", inode));
  return out.file.size() > inode;
}

/// Walks the lines until `fits`. Of a long line, the first 511 bytes are looked at, which hold all
/// but the path.
template <class Fits>
Found walk(const std::string& path, Fits fits) {
  const Stream maps{descriptor::stream(path.c_str(), "r")};
  if (maps.file == nullptr) return Found::unknown;
  Found found = Found::unknown;
  char line[512];
  bool begins = true;
  while (std::fgets(line, sizeof line, maps.file) != nullptr) {
    const std::string_view text(line);
    Mapped one;
    const bool known = begins && parse(text, one);
    begins = text.ends_with('\n');
    if (!known) continue;
    found = Found::no;
    if (fits(one)) return Found::yes;
  }
  return found;
}

std::string maps_of(std::uint32_t pid) { return "/proc/" + std::to_string(pid) + "/maps"; }

}  // namespace

std::string file_at(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  std::string file;
  (void)walk("/proc/self/maps", [&](const Mapped& one) {
    if (at < one.begin || one.end <= at) return false;
    file = one.file;
    return true;
  });
  return file;
}

Found maps(std::uint32_t pid, const std::string& file) {
  return walk(maps_of(pid), [&](const Mapped& one) { return one.file == file; });
}

Found maps(std::uint32_t pid, const std::string& file, std::uint64_t offset) {
  return walk(maps_of(pid),
              [&](const Mapped& one) { return one.offset == offset && one.file == file; });
}

}  // namespace shmbus::proc_maps
