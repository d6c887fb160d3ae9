// Facts about the machine and this process that decide whether a bus works well here. Collected in
// one place, judged in another (examine_host), so that a test can judge machines it does not have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus::inspect {

/// The control group above this process that leaves it least memory.
struct MemoryGroup {
  std::string path;  ///< empty: there is no limit
  std::uint64_t limit_bytes = ~0ULL;
  std::uint64_t left_bytes = ~0ULL;
};

struct HostFacts {
  std::string bus_path;
  bool in_dev_shm = false;
  std::string file_system;  ///< "tmpfs", "overlay", ...; empty when it has no name here
  MemoryGroup memory;
  bool file_exists = false;
  std::uint32_t file_uid = 0;
  std::uint32_t file_mode = 0600;
  std::uint32_t own_uid = 0;

  std::string kernel;  ///< "6.1.0-18-amd64"
  std::uint32_t kernel_major = 0;
  std::uint32_t kernel_minor = 0;
  bool has_futex_waitv = true;
  bool has_membarrier = true;
  bool has_wipe_on_fork = true;
  std::uint32_t usable_cpus = 1;

  std::uint64_t file_system_bytes = 0;  ///< where the bus lives; 0 when unknown
  std::uint64_t file_system_free_bytes = 0;
  bool in_memory = true;  ///< tmpfs or the like; on a disk pages would be written back

  bool systemd = false;
  bool removes_ipc = false;  ///< logind's RemoveIPC
  bool system_user = true;   ///< of the owner of the bus; logind spares those

  std::uint64_t segment_bytes = 0;  ///< of the bus, or of a default one
  std::uint64_t open_files_limit = ~0ULL;
  std::uint64_t address_space_limit = ~0ULL;
  std::uint64_t file_size_limit = ~0ULL;

  /// Processes that still map a deleted file of this path.
  std::vector<std::uint32_t> on_deleted_file;
};

/// `owner_uid`: who owns the bus, or would. `segment_bytes`: of the bus, or of a default one.
HostFacts gather_host_facts(const std::string& bus_path, std::uint32_t owner_uid,
                            std::uint64_t segment_bytes);

/// logind's RemoveIPC by the text of its configuration files, the more important later. A
/// commented line states the default that logind was built with.
bool removes_ipc_by(const std::vector<std::string>& configuration_texts) noexcept;

/// Of a file system, by the magic number that statfs tells; empty for one that is not known.
std::string file_system_name(std::uint64_t magic);

/// `root` is where control groups are mounted, `cgroup_text` what /proc/self/cgroup says.
MemoryGroup tightest_memory_group(const std::string& root, const std::string& cgroup_text);

/// Part of gather_host_facts: file system, control groups, whose the file is.
void add_limits(HostFacts& facts);

}  // namespace shmbus::inspect
