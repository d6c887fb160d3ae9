// What a container or a service leaves to a bus: kind of file system, memory, whose the file is.
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <utility>

#include "inspect/host.hpp"

namespace shmbus::inspect {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t virtiofs_and_fuse = 0x65735546;
constexpr std::uint64_t nine_p = 0x01021997;
constexpr std::uint64_t overlay = 0x794C7630;
constexpr std::uint64_t nfs = 0x6969;
constexpr std::uint64_t cifs = 0xFF534D42;
constexpr std::uint64_t smb2 = 0xFE534D42;
constexpr std::uint64_t ceph = 0x00C36400;
constexpr std::uint64_t zfs = 0x2FC12FC1;
constexpr std::uint64_t xfs = 0x58465342;
constexpr std::uint64_t btrfs = 0x9123683E;

/// A text file of one number; all ones for "max" and for what cannot be read.
std::uint64_t number_in(const fs::path& path) {
  std::ifstream file(path);
  std::string text;
  std::uint64_t value = ~0ULL;
  if (!(file >> text)) return value;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// The folder of this process in the tree of control groups; empty when it is not seen.
std::string control_group(const std::string& cgroup_text) {
  constexpr std::string_view unified = "0::";
  const auto at = cgroup_text.find(unified);
  if (at == std::string::npos || (at != 0 && cgroup_text[at - 1] != '\n')) return {};
  const auto start = at + unified.size();
  return cgroup_text.substr(start, cgroup_text.find('\n', start) - start);
}

}  // namespace

std::string file_system_name(std::uint64_t magic) {
  constexpr std::array<std::pair<std::uint64_t, const char*>, 13> known{
      {{TMPFS_MAGIC, "tmpfs"},
       {RAMFS_MAGIC, "ramfs"},
       {HUGETLBFS_MAGIC, "hugetlbfs"},
       {EXT4_SUPER_MAGIC, "ext4"},
       {xfs, "xfs"},
       {btrfs, "btrfs"},
       {zfs, "zfs"},
       {overlay, "overlay"},
       {virtiofs_and_fuse, "fuse"},
       {nine_p, "9p"},
       {nfs, "nfs"},
       {cifs, "cifs"},
       {ceph, "ceph"}}};
  if (magic == smb2) return "cifs";
  const auto found = std::find_if(known.begin(), known.end(),
                                  [magic](const auto& one) { return one.first == magic; });
  return found == known.end() ? "" : found->second;
}

MemoryGroup tightest_memory_group(const std::string& root, const std::string& cgroup_text) {
  MemoryGroup tightest;
  fs::path group = control_group(cgroup_text);
  if (group.empty()) return tightest;
  // From the process up to the root: each may have a limit, and the nearest to it counts.
  for (;; group = group.parent_path()) {
    const fs::path folder = fs::path(root) / group.relative_path();
    const std::uint64_t limit = number_in(folder / "memory.max");
    const std::uint64_t used = number_in(folder / "memory.current");
    if (limit != ~0ULL && used != ~0ULL) {
      const std::uint64_t left = limit > used ? limit - used : 0;
      if (left < tightest.left_bytes) tightest = {group.string(), limit, left};
    }
    if (group == group.root_path() || group.empty()) return tightest;
  }
}

void add_limits(HostFacts& facts) {
  struct statfs system {};
  const auto parent = fs::path(facts.bus_path).parent_path();
  if (::statfs(parent.empty() ? "." : parent.c_str(), &system) == 0) {
    facts.file_system = file_system_name(static_cast<std::uint64_t>(system.f_type));
  }
  std::ifstream file("/proc/self/cgroup");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  facts.memory = tightest_memory_group("/sys/fs/cgroup", text);
  struct stat status {};
  facts.file_exists = ::stat(facts.bus_path.c_str(), &status) == 0;
  facts.file_uid = status.st_uid;
  facts.file_mode = status.st_mode & 07777U;
  facts.own_uid = ::geteuid();
}

}  // namespace shmbus::inspect
