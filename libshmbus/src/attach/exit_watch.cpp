#include "attach/exit_watch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "os/descriptor.hpp"
#include "os/fence.hpp"
#include "os/proc_maps.hpp"
#include "segment/slot_mark.hpp"

namespace shmbus::liveness {
namespace {

// Flags of a task that never returns to its program, from linux/sched.h: /proc shows them as they
// are. PF_EXITING; PF_POSTCOREDUMP, a thread that waits until another has dumped; PF_DUMPCORE.
constexpr std::uint64_t no_way_back = 0x4U | 0x8U | 0x200U;

struct Task {
  std::uint64_t flags = 0;
  std::uint64_t threads = 0;
  std::uint64_t started = 0;

  [[nodiscard]] bool ends() const noexcept { return (flags & no_way_back) != 0; }
};

std::uint64_t number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Of proc_pid_stat(5). The name of a task may hold anything, also ')' and spaces.
bool parse(std::string_view line, Task& out) noexcept {
  constexpr int flags_field = 9;
  constexpr int threads_field = 20;
  constexpr int started_field = 22;
  const auto name_end = line.rfind(") ");
  if (name_end == std::string_view::npos) return false;
  line.remove_prefix(name_end + 2);
  for (int field = 3; field <= started_field; ++field) {
    const auto end = line.find(' ');
    if (end == std::string_view::npos) return false;
    const auto word = line.substr(0, end);
    if (field == flags_field) out.flags = number(word);
    if (field == threads_field) out.threads = number(word);
    if (field == started_field) out.started = number(word);
    line.remove_prefix(end + 1);
  }
  return true;
}

bool read_task(const char* path, Task& out) noexcept {
  const int fd = descriptor::open(path, O_RDONLY);
  if (fd < 0) return false;
  std::array<char, 1024> text{};
  const ssize_t got = ::read(fd, text.data(), text.size());
  ::close(fd);
  return got > 0 && parse({text.data(), static_cast<std::size_t>(got)}, out);
}

bool read_leader(std::uint32_t pid, Task& out) noexcept {
  std::array<char, 64> path{};
  (void)std::snprintf(path.data(), path.size(), "/proc/%u/task/%u/stat", pid, pid);
  return read_task(path.data(), out);
}

/// How many threads there are, when none of them has a way back; else 0.
std::uint64_t count_ending(std::uint32_t pid) noexcept {
  std::array<char, 64> path{};
  (void)std::snprintf(path.data(), path.size(), "/proc/%u/task", pid);
  DIR* const listing = descriptor::folder(path.data());
  if (listing == nullptr) return 0;
  std::uint64_t count = 0;
  bool all = true;
  while (const dirent* entry = all ? ::readdir(listing) : nullptr) {  // NOLINT: a stream of our own
    if (entry->d_name[0] == '.') continue;
    (void)std::snprintf(path.data(), path.size(), "/proc/%u/task/%.20s/stat", pid, entry->d_name);
    Task task;
    all = read_task(path.data(), task) && task.ends();
    ++count;
  }
  ::closedir(listing);
  return all ? count : 0;
}

std::uint64_t namespace_of_this_process() noexcept {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

}  // namespace

ExitWatch::ExitWatch(std::uint32_t slots)
    : slots_(slots), known_(std::make_unique<Known[]>(slots)) {}

ExitWatch::Process ExitWatch::process_of(layout::ParticipantId party) const noexcept {
  if (party.nobody() || party.index() >= slots_) return {};
  const Known& known = known_[party.index()];
  const std::uint64_t who = known.who.load(std::memory_order_acquire);  // SYNC exit.met
  const std::uint64_t started = known.started.load(std::memory_order_acquire);
  // SYNC exit.met: what was read is of one meeting.
  if (known.who.load(std::memory_order_acquire) != who) return {};
  if (who >> 32U != party.epoch()) return {};
  return {static_cast<std::uint32_t>(who), started};
}

bool ExitWatch::knows(layout::ParticipantId party) const noexcept {
  return process_of(party).pid != 0;
}

bool ExitWatch::shows_mark(std::uint32_t pid, layout::ParticipantId party,
                           const void* our_mark) const {
  const std::string file = proc_maps::file_at(our_mark);
  return !file.empty() &&
         proc_maps::maps(pid, file, segment::SlotMark::offset_of(party)) == proc_maps::Found::yes;
}

void ExitWatch::meet(layout::ParticipantId party, const layout::Participant& slot,
                     const void* our_mark) noexcept try {
  if (party.nobody() || party.index() >= slots_ || our_mark == nullptr) return;
  Known& known = known_[party.index()];
  const std::uint64_t epoch = std::uint64_t{party.epoch()} << 32U;
  if (known.who.load(std::memory_order_relaxed) >> 32U == party.epoch()) return;
  // Where it claims to live. Signed: a pid is no larger.
  std::uint32_t pid = slot.pid.load(std::memory_order_relaxed);
  const bool here =
      slot.pid_namespace.load(std::memory_order_relaxed) == namespace_of_this_process();
  if (!here || pid > 0x7FFF'FFFFU || pid == static_cast<std::uint32_t>(::getpid())) pid = 0;
  Task before;
  Task after;
  // The same process before and after it has shown the mark.
  if (pid == 0 || !read_leader(pid, before) || !shows_mark(pid, party, our_mark) ||
      !read_leader(pid, after) || before.started != after.started) {
    known.who.store(epoch, std::memory_order_release);  // SYNC exit.met
    return;
  }
  known.who.store(0, std::memory_order_release);  // SYNC exit.met: not while it is being written
  known.started.store(after.started, std::memory_order_release);
  known.who.store(epoch | pid, std::memory_order_release);  // SYNC exit.met
} catch (...) {
  return;  // out of memory: the lock decides
}

bool ExitWatch::exiting(layout::ParticipantId party) const noexcept {
  const Process process = process_of(party);
  if (process.pid == 0) return false;
  Task leader;
  if (!read_leader(process.pid, leader) || leader.started != process.started || !leader.ends()) {
    return false;
  }
  // Twice, between equal counts: a listing may miss threads while others come and go.
  for (int i = 0; i < 2; ++i) {
    Task now;
    const std::uint64_t ending = count_ending(process.pid);
    if (ending == 0 || !read_leader(process.pid, now)) return false;
    if (now.started != process.started || ending != leader.threads || ending != now.threads) {
      return false;
    }
  }
  // What its threads stored last is visible: each still has its address space and is interrupted by
  // this, or has given it up under a lock of the kernel's.
  (void)wait::sleeper_fence();
  return true;
}

}  // namespace shmbus::liveness
