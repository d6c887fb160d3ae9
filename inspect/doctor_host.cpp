// What the machine lacks, or does behind a bus's back.
#include "inspect/doctor_parts.hpp"

namespace shmbus::inspect {
namespace {

constexpr std::uint64_t open_files_wanted = 64;
constexpr std::uint64_t nearly_full_percent = 95;

std::string mebibytes(std::uint64_t bytes) {
  return std::to_string((bytes + (1U << 20U) - 1) >> 20U) + " MiB";
}

void check_kernel(const HostFacts& facts, std::vector<Finding>& out) {
  const bool old = facts.kernel_major < 5 || (facts.kernel_major == 5 && facts.kernel_minor < 16);
  if (!facts.has_futex_waitv) {
    out.push_back({Severity::warning, "no-futex-waitv", "kernel " + facts.kernel,
                   old ? "is older than 5.16: a sleeping caller looks for its handler's death once "
                         "a millisecond"
                       : "refuses futex_waitv: a sleeping caller looks for its handler's death "
                         "once a millisecond",
                   old ? "run Linux 5.16 or newer"
                       : "let the container's or service's system call filter allow futex_waitv"});
  }
  if (!facts.has_membarrier) {
    out.push_back({Severity::warning, "no-membarrier", "kernel " + facts.kernel,
                   "has no membarrier: every command pays for a full fence",
                   "allow membarrier in the system call filter, or run Linux 4.16 or newer"});
  }
  if (!facts.has_wipe_on_fork) {
    out.push_back({Severity::error, "no-wipe-on-fork", "kernel " + facts.kernel,
                   "has no MADV_WIPEONFORK: a bus cannot be opened", "run Linux 4.14 or newer"});
  }
  if (facts.usable_cpus == 1) {
    out.push_back({Severity::note, "one-cpu", "",
                   "this process may use one processor: every call sleeps instead of spinning",
                   "nothing, or allow it a second one"});
  }
}

void check_memory(const HostFacts& facts, std::vector<Finding>& out) {
  const std::uint64_t total = facts.file_system_bytes;
  const std::uint64_t free = facts.file_system_free_bytes;
  constexpr std::uint64_t of_containers = 64ULL << 20U;  // what docker gives /dev/shm
  const bool nearly_full = total != 0 && free < total / 100 * (100 - nearly_full_percent);
  if (total != 0 && (nearly_full || free < facts.segment_bytes)) {
    out.push_back({Severity::warning, "file-system-full", facts.bus_path,
                   "lies on a file system with " + mebibytes(free) + " of " + mebibytes(total) +
                       " left; one more bus like this needs " + mebibytes(facts.segment_bytes),
                   std::string("existing buses are safe, their pages are reserved; free some "
                               "space, or enlarge it (mount -o remount,size=...") +
                       (total <= of_containers ? ", for a container --shm-size=...)" : ")")});
  }
  if (!facts.in_memory) {
    out.push_back({Severity::warning, "on-disk", facts.bus_path,
                   "lies on a disk: the kernel writes its pages back, now and then, and stalls",
                   "keep it in /dev/shm, /run or another tmpfs"});
  }
}

void check_file_system(const HostFacts& facts, std::vector<Finding>& out) {
  constexpr std::string_view elsewhere = "put the bus in /dev/shm or on another tmpfs";
  const std::string place =
      "lies on " + (facts.file_system.empty() ? std::string("a file system") : facts.file_system);
  const auto unfit = [&](std::string_view why) {
    out.push_back({Severity::error, "unfit-file-system", facts.bus_path,
                   place + std::string(why) + ": no program opens it", std::string(elsewhere)});
  };
  if (facts.remote_file_system) {
    unfit(", whose pages come from another machine or a process");
  } else if (facts.token == liveness::TokenTrial::lost) {
    unfit(
        ", where a lock does not last as long as the mapping, so that the living would be taken "
        "for dead");
  } else if (facts.token == liveness::TokenTrial::stuck) {
    unfit(", where a lock outlasts its mapping, so that deaths would not be noticed");
  } else if (facts.token == liveness::TokenTrial::no_locks) {
    out.push_back({Severity::error, "no-file-locks", facts.bus_path,
                   "cannot be locked: the kernel or a system call filter refuses F_OFD_SETLK, by "
                   "which deaths are noticed",
                   "run Linux 3.15 or newer, let the filter allow fcntl(F_OFD_SETLK), or put the "
                   "bus on another file system"});
  }
}

/// Whether it may have been put there by somebody else: see OpenOptions::trust.
void check_owner(const HostFacts& facts, std::vector<Finding>& out) {
  if (!facts.file) return;
  const std::uint32_t uid = facts.file->uid;
  if (uid != facts.own_uid && uid != 0) {
    out.push_back({Severity::warning, "foreign-owner", facts.bus_path,
                   "belongs to uid " + std::to_string(uid) + ", not to you (uid " +
                       std::to_string(facts.own_uid) + ") or root: programs of yours refuse it",
                   "if that user is trusted, say so (OpenOptions::trust, --trust " +
                       std::to_string(uid) + "); if not, use another name, or have it removed"});
  }
  constexpr std::uint32_t others_write = 0002;
  if ((facts.file->mode & others_write) != 0) {
    out.push_back({Severity::note, "open-to-all", facts.bus_path,
                   "may be written by every user of this machine: each can command its handlers",
                   "nothing if that is meant; else create it with --mode 0660 and a group"});
  }
}

void check_clock(const HostFacts& facts, std::vector<Finding>& out) {
  if (facts.clock_agrees) return;
  out.push_back({Severity::error, "wrong-clock-rate", facts.bus_path,
                 "was made with another rate of the clock than this machine has: all time limits "
                 "on it are wrong",
                 "stop its participants; the next opener replaces it"});
}

void check_memory_group(const HostFacts& facts, std::vector<Finding>& out) {
  const auto& group = facts.memory;
  if (group.path.empty() || group.left_bytes >= facts.segment_bytes || facts.file) return;
  out.push_back({Severity::warning, "limit-memory", "control group " + group.path,
                 "allows " + mebibytes(group.limit_bytes) + " of memory and has " +
                     mebibytes(group.left_bytes) + " left; a bus like this needs " +
                     mebibytes(facts.segment_bytes) +
                     ": the kernel would kill its creator, or another process of the group",
                 "raise the limit (--memory of a container, MemoryMax= of a service), or create a "
                 "smaller bus"});
}

void check_limits(const HostFacts& facts, std::vector<Finding>& out) {
  if (facts.open_files_limit < open_files_wanted) {
    out.push_back(
        {Severity::warning, "limit-open-files", "RLIMIT_NOFILE",
         "is " + std::to_string(facts.open_files_limit),
         "raise it (ulimit -n, LimitNOFILE=): a bus takes one descriptor, fd() two more"});
  }
  if (facts.address_space_limit < 2 * facts.segment_bytes) {
    out.push_back({Severity::warning, "limit-address-space", "RLIMIT_AS",
                   "leaves " + mebibytes(facts.address_space_limit) + " for a bus of " +
                       mebibytes(facts.segment_bytes),
                   "raise it (ulimit -v, LimitAS=)"});
  }
  if (facts.file_size_limit < facts.segment_bytes) {
    out.push_back({Severity::warning, "limit-file-size", "RLIMIT_FSIZE",
                   "is " + mebibytes(facts.file_size_limit) + ", below the " +
                       mebibytes(facts.segment_bytes) + " of a bus: none can be created",
                   "raise it (ulimit -f, LimitFSIZE=)"});
  }
}

void check_removal(const HostFacts& facts, std::vector<Finding>& out) {
  if (facts.in_dev_shm && facts.systemd && facts.removes_ipc && !facts.system_user) {
    out.push_back({Severity::warning, "remove-ipc", facts.bus_path,
                   "is deleted when its owner logs out for the last time (systemd's RemoveIPC=yes)",
                   "set RemoveIPC=no in /etc/systemd/logind.conf, run as a system user, keep the "
                   "user (loginctl enable-linger), or put the bus elsewhere, for example in /run"});
  }
  if (!facts.on_deleted_file.empty()) {
    std::string pids;
    for (const auto pid : facts.on_deleted_file) {
      pids.append(pids.empty() ? "" : ", ").append(std::to_string(pid));
    }
    out.push_back(
        {Severity::error, "on-deleted-file", facts.bus_path,
         "was deleted while these processes had it open: " + pids + "; newcomers do not meet them",
         "restart them; if nobody deleted it by hand, see RemoveIPC and tmpfiles.d"});
  }
}

}  // namespace

std::vector<Finding> examine_host(const HostFacts& facts) {
  std::vector<Finding> out;
  check_kernel(facts, out);
  check_memory(facts, out);
  check_file_system(facts, out);
  check_owner(facts, out);
  check_clock(facts, out);
  check_memory_group(facts, out);
  check_limits(facts, out);
  check_removal(facts, out);
  sort_by_severity(out);
  return out;
}

}  // namespace shmbus::inspect
