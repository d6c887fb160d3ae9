#include "os/proc_maps.hpp"

#include <cstdio>

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
  std::string file;
};

/// Lines are cut at 512 bytes, the rest of one is none.
bool next_mapping(std::FILE* maps, Mapped& out) {
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long long begin = 0;
    unsigned long long end = 0;
    unsigned long long offset = 0;
    char device[32];
    char inode[32];
    if (std::sscanf(line, "%llx-%llx %*s %llx %31s %31s", &begin, &end, &offset, device, inode) !=
        5) {
      continue;
    }
    out.begin = static_cast<std::uintptr_t>(begin);
    out.end = static_cast<std::uintptr_t>(end);
    out.offset = offset;
    out.file = std::string(device) + " " + inode;
    return true;
  }
  return false;
}

template <class Fits>
Found find(std::uint32_t pid, Fits fits) {
  const std::string path = "/proc/" + std::to_string(pid) + "/maps";
  const Stream maps{descriptor::stream(path.c_str(), "r")};
  if (maps.file == nullptr) return Found::unknown;
  bool any = false;
  for (Mapped one; next_mapping(maps.file, one);) {
    any = true;
    if (fits(one)) return Found::yes;
  }
  return any ? Found::no : Found::unknown;
}

}  // namespace

std::string file_at(const void* address) {
  const Stream maps{descriptor::stream("/proc/self/maps", "r")};
  if (maps.file == nullptr) return {};
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (Mapped one; next_mapping(maps.file, one);) {
    if (one.begin <= at && at < one.end) return one.file;
  }
  return {};
}

Found maps(std::uint32_t pid, const std::string& file) {
  return find(pid, [&](const Mapped& one) { return one.file == file; });
}

Found maps(std::uint32_t pid, const std::string& file, std::uint64_t offset) {
  return find(pid, [&](const Mapped& one) { return one.offset == offset && one.file == file; });
}

}  // namespace shmbus::proc_maps
