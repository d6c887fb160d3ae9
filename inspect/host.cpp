#include "inspect/host.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "os/clock.hpp"
#include "os/descriptor.hpp"
#include "os/file_system.hpp"
#include "os/spin.hpp"

namespace shmbus::inspect {
namespace {

namespace fs = std::filesystem;

#if defined(SYS_futex_waitv)
constexpr long futex_waitv_number = SYS_futex_waitv;
#else
constexpr long futex_waitv_number = 449;  // the same on every architecture
#endif

std::string read_text(const fs::path& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void read_kernel(HostFacts& facts) {
  utsname names{};
  if (::uname(&names) != 0) return;
  facts.kernel = names.release;
  unsigned major = 0;
  unsigned minor = 0;
  // patterns: of the kernel
  if (std::sscanf(names.release, "%u.%u", &major, &minor) == 2) {  // NOLINT: two plain numbers
    facts.kernel_major = major;
    facts.kernel_minor = minor;
  }
  // No waiters: a kernel that knows the call objects to that, one that does not says ENOSYS.
  facts.has_futex_waitv =
      ::syscall(futex_waitv_number, nullptr, 0, 0, nullptr, 0) == 0 || errno == EINVAL;
  const long commands = ::syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  facts.has_membarrier = commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED) != 0 &&
                         (commands & MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) != 0;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const memory =
      ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) {
    facts.has_wipe_on_fork = ::madvise(memory, page, MADV_WIPEONFORK) == 0;
    ::munmap(memory, page);
  }
}

fs::path folder_of(const std::string& bus_path) {
  const auto folder = fs::path(bus_path).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

void read_file_system(HostFacts& facts) {
  struct statfs status {};
  if (::statfs(folder_of(facts.bus_path).c_str(), &status) != 0) return;
  const auto block = static_cast<std::uint64_t>(status.f_bsize);
  facts.file_system_bytes = status.f_blocks * block;
  facts.file_system_free_bytes = status.f_bavail * block;
  const auto type = static_cast<std::uint64_t>(status.f_type);
  facts.in_memory = type == TMPFS_MAGIC || type == RAMFS_MAGIC || type == HUGETLBFS_MAGIC;
}

/// The file of the bus or, where there is none, one without a name in its folder; -1 for neither.
int open_there(const std::string& bus_path) {
  const int fd = descriptor::open(bus_path.c_str(), O_RDWR | O_NONBLOCK | O_NOCTTY);
  if (fd >= 0 || errno != ENOENT) return fd;
  return descriptor::open(folder_of(bus_path).c_str(), O_TMPFILE | O_RDWR, 0600);
}

void try_token(HostFacts& facts) {
  const int fd = open_there(facts.bus_path);
  if (fd < 0) return;
  const auto kind = file_system::kind_of(fd);
  facts.file_system = kind.name;
  facts.remote_file_system = kind.remote;
  const auto status = segment::status_of(fd);
  if (status && status->regular) {
    const auto trial = liveness::check_token(fd, nullptr).trial;
    if (trial != liveness::TokenTrial::untried) facts.token = trial;
  }
  ::close(fd);
}

void look_at_owner(HostFacts& facts) {
  const int fd = descriptor::open(facts.bus_path.c_str(), O_PATH);
  if (fd < 0) return;
  if (const auto status = segment::status_of(fd)) facts.file = *status;
  ::close(fd);
}

std::uint64_t limit_of(int resource) noexcept {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return ~0ULL;
  return limit.rlim_cur == RLIM_INFINITY ? ~0ULL : limit.rlim_cur;
}

/// The main file first, then the drop-ins in the order in which they override it.
std::vector<std::string> logind_configuration() {
  std::vector<std::string> texts;
  std::error_code ignored;
  texts.push_back(read_text("/usr/lib/systemd/logind.conf"));
  texts.push_back(read_text("/etc/systemd/logind.conf"));
  std::vector<fs::path> drop_ins;
  for (const char* folder : {"/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d",
                             "/etc/systemd/logind.conf.d"}) {
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".conf") drop_ins.push_back(entry.path());
    }
  }
  std::stable_sort(drop_ins.begin(), drop_ins.end(), [](const fs::path& a, const fs::path& b) {
    return a.filename() < b.filename();
  });
  for (const auto& path : drop_ins) texts.push_back(read_text(path));
  return texts;
}

/// systemd was built with a border below which users are the system's, most often 999.
bool is_system_user(std::uint32_t uid) {
  std::uint32_t last = 999;
  std::istringstream lines(read_text("/etc/login.defs"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint32_t value = 0;
    if (words >> key >> value && key == "SYS_UID_MAX") last = value;
  }
  return uid <= last || uid == 65534;
}

bool maps_deleted(const fs::path& maps, const std::string& deleted) {
  std::ifstream lines(maps);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with(deleted)) return true;
  }
  return false;
}

/// Only processes whose maps this user may read.
std::vector<std::uint32_t> find_users_of_deleted(const std::string& bus_path) {
  std::error_code ignored;
  const auto folder = fs::canonical(folder_of(bus_path), ignored);
  std::string deleted = " ";
  deleted.append(folder / fs::path(bus_path).filename()).append(" (deleted)");
  std::vector<std::uint32_t> found;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (maps_deleted(entry.path() / "maps", deleted)) {
      found.push_back(
          static_cast<std::uint32_t>(std::stoul(name)));  // patterns: digits, by the kernel
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool truthy(std::string_view value) noexcept {
  return value == "yes" || value == "true" || value == "on" || value == "1" || value == "y" ||
         value == "t";
}

}  // namespace

bool removes_ipc_by(const std::vector<std::string>& configuration_texts) noexcept {
  constexpr std::string_view key = "RemoveIPC=";
  bool by_default = true;  // what systemd has unless its builder chose otherwise
  bool set = false;
  bool value = false;
  for (const std::string_view text : configuration_texts) {
    for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
      const auto line_start = text.rfind('\n', at) + 1;  // npos + 1 is 0
      const auto before = text.substr(line_start, at - line_start);
      const auto end = text.find_first_of(" \t\r\n", at);
      const auto from = at + key.size();
      const bool says = truthy(text.substr(from, end == std::string_view::npos ? end : end - from));
      if (before.find('#') != std::string_view::npos) {
        by_default = says;
      } else {
        set = true;
        value = says;
      }
    }
  }
  return set ? value : by_default;
}

HostFacts gather_host_facts(const std::string& bus_path, std::uint32_t owner_uid,
                            std::uint64_t segment_bytes, std::uint64_t ticks_per_s) {
  const wait::RateCheck clock;
  HostFacts facts;
  facts.bus_path = bus_path;
  facts.in_dev_shm = bus_path.starts_with("/dev/shm/");
  facts.segment_bytes = segment_bytes;
  facts.usable_cpus = wait::usable_cpus();
  read_kernel(facts);
  read_file_system(facts);
  try_token(facts);
  look_at_owner(facts);
  facts.own_uid = ::geteuid();
  facts.clock_agrees = ticks_per_s == 0 || clock.agrees_with(ticks_per_s);
  facts.memory = tightest_memory_group("/sys/fs/cgroup", read_text("/proc/self/cgroup"));
  std::error_code ignored;
  facts.systemd = fs::exists("/run/systemd/system", ignored);
  facts.removes_ipc = facts.systemd && removes_ipc_by(logind_configuration());
  facts.system_user = is_system_user(owner_uid);
  facts.open_files_limit = limit_of(RLIMIT_NOFILE);
  facts.address_space_limit = limit_of(RLIMIT_AS);
  facts.file_size_limit = limit_of(RLIMIT_FSIZE);
  facts.on_deleted_file = find_users_of_deleted(bus_path);
  return facts;
}

}  // namespace shmbus::inspect
