#include "attach/kill.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/log.hpp"
#include "layout/participant.hpp"

namespace shmbus::liveness {
namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

struct Stream {
  std::FILE* file;
  ~Stream() {
    if (file != nullptr) std::fclose(file);
  }
};

/// "fe:01 1234" of one line of /proc/pid/maps: what is mapped there.
struct Mapped {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::string file;
};

bool next_mapping(std::FILE* maps, Mapped& out) {
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long long begin = 0;
    unsigned long long end = 0;
    char device[32];
    char inode[32];
    if (std::sscanf(line, "%llx-%llx %*s %*s %31s %31s", &begin, &end, device, inode) != 4)
      continue;
    out.begin = static_cast<std::uintptr_t>(begin);
    out.end = static_cast<std::uintptr_t>(end);
    out.file = std::string(device) + " " + inode;
    return true;
  }
  return false;
}

/// How /proc names the file of the bus; empty when it cannot be read.
std::string our_file(const Attachment& bus) {
  const Stream maps{std::fopen("/proc/self/maps", "re")};
  if (maps.file == nullptr) return {};
  const auto at = reinterpret_cast<std::uintptr_t>(&bus.view.endpoint(0));
  for (Mapped one; next_mapping(maps.file, one);) {
    if (one.begin <= at && at < one.end) return one.file;
  }
  return {};
}

enum class Maps : std::uint8_t { yes, no, unknown };

Maps maps_file(std::uint32_t pid, const std::string& file) {
  const Stream maps{std::fopen(("/proc/" + std::to_string(pid) + "/maps").c_str(), "re")};
  if (maps.file == nullptr) return Maps::unknown;
  bool any = false;
  for (Mapped one; next_mapping(maps.file, one);) {
    any = true;
    if (one.file == file) return Maps::yes;
  }
  return any ? Maps::no : Maps::unknown;
}

tl::unexpected<Error> must_not(std::uint32_t pid, std::string_view why, int code = 0) noexcept {
  Error error{ErrorKind::not_permitted, code, 0, {}};
  error.message.append("pid ").append(pid).append(" did not give way and is not killed: ");
  error.message.append(why);
  return tl::unexpected<Error>(error);
}

Result<void> kill_checked(const Attachment& bus, layout::Party party) {
  const auto& seat = bus.view.participant(party.index());
  const std::uint32_t pid = seat.pid.load(std::memory_order_relaxed);
  if (pid <= 1 || pid == static_cast<std::uint32_t>(::getpid())) {
    return must_not(pid, "it is this process itself, or no process");
  }
  struct stat here {};
  if (::stat("/proc/self/ns/pid", &here) != 0 ||
      seat.pid_namespace.load(std::memory_order_relaxed) != here.st_ino) {
    return must_not(pid, "it lives in another pid namespace");
  }
  // From here on the descriptor stands for one process, whatever becomes of its number.
  const Descriptor process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (process.fd < 0 && errno == ESRCH) return {};
  if (process.fd < 0) return must_not(pid, "cannot open it", errno);
  const std::string file = our_file(bus);
  const Maps maps = file.empty() ? Maps::unknown : maps_file(pid, file);
  // SYNC seat.alive
  const layout::ParticipantWord state{seat.state.load(std::memory_order_acquire)};
  if (state.epoch() != party.epoch() || bus.dead(party)) return {};
  if (maps == Maps::unknown)
    return must_not(pid, "/proc does not show whether it has the bus open");
  if (maps == Maps::no) return must_not(pid, "that process does not have the bus open");
  if (::syscall(SYS_pidfd_send_signal, process.fd, SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return must_not(pid, "the kernel does not let us: another user's process", errno);
  }
  if (logging::wanted(LogLevel::warning)) {
    logging::Text text("killed pid ");
    text.append(pid).append(", which did not give way in time");
    logging::write(LogLevel::warning, "participant.killed", text);
  }
  return {};
}

}  // namespace

Result<void> kill_process_of(const Attachment& bus, layout::Party party) noexcept try {
  if (party.nobody() || party.index() >= bus.view.capacities().participants) {
    return fail(ErrorKind::corrupted, "the owner of this endpoint is no participant");
  }
  return kill_checked(bus, party);
} catch (...) {
  return fail(ErrorKind::overloaded, "out of memory");
}

}  // namespace shmbus::liveness
