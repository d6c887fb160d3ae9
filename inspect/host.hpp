// Facts about the machine and this process that decide whether a bus works well here. Collected in
// one place, judged in another (examine_host), so that a test can judge machines it does not have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/token_check.hpp"
#include "segment/file.hpp"

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
  MemoryGroup memory;

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

  std::string file_system;  ///< "tmpfs", "overlayfs"...; empty when it is not known
  bool remote_file_system = false;
  /// Tried on the file, or on one that was made beside it for a moment; `holds` when it could not
  /// be.
  liveness::TokenTrial token = liveness::TokenTrial::holds;

  /// Of the file; what this process's user and root own, with no permissions for others, is usual.
  std::optional<segment::FileStatus> file;
  std::uint32_t own_uid = 0;
  bool clock_agrees = true;  ///< the rate in the bus's header with this machine's

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
/// `ticks_per_s`: from the header of the bus; 0 when there is none.
HostFacts gather_host_facts(const std::string& bus_path, std::uint32_t owner_uid,
                            std::uint64_t segment_bytes, std::uint64_t ticks_per_s = 0);

/// logind's RemoveIPC by the text of its configuration files, the more important later. A
/// commented line states the default that logind was built with.
bool removes_ipc_by(const std::vector<std::string>& configuration_texts) noexcept;

/// `root` is where control groups are mounted, `cgroup_text` what /proc/self/cgroup says.
MemoryGroup tightest_memory_group(const std::string& root, const std::string& cgroup_text);

}  // namespace shmbus::inspect
