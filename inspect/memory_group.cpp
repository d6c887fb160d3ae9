// How much memory the control groups of a container or a service leave to a bus.
#include <charconv>
#include <filesystem>
#include <fstream>

#include "inspect/host.hpp"

namespace shmbus::inspect {
namespace {

namespace fs = std::filesystem;

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

}  // namespace shmbus::inspect
