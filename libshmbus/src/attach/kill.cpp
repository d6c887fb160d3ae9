#include "attach/kill.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>

#include "base/log.hpp"
#include "layout/participant.hpp"
#include "os/descriptor.hpp"
#include "os/proc_maps.hpp"

namespace shmbus::liveness {
namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

tl::unexpected<Error> must_not(std::uint32_t pid, std::string_view why, int code = 0) noexcept {
  Error error{ErrorKind::not_permitted, code, 0, {}};
  error.message.append("pid ").append(pid).append(" did not give way and is not killed: ");
  error.message.append(why);
  return tl::unexpected<Error>(error);
}

Result<void> kill_checked(const Attachment& bus, layout::ParticipantId party) {
  const auto& slot = bus.view.participant(party.index());
  const std::uint32_t pid = slot.pid.load(std::memory_order_relaxed);
  if (pid <= 1 || pid == static_cast<std::uint32_t>(::getpid())) {
    return must_not(pid, "it is this process itself, or no process");
  }
  struct stat here {};
  if (::stat("/proc/self/ns/pid", &here) != 0 ||
      slot.pid_namespace.load(std::memory_order_relaxed) != here.st_ino) {
    return must_not(pid, "it lives in another pid namespace");
  }
  // From here on the descriptor stands for one process, whatever becomes of its number.
  const Descriptor process{descriptor::process(static_cast<pid_t>(pid))};
  if (process.fd < 0 && errno == ESRCH) return {};
  if (process.fd < 0) return must_not(pid, "cannot open it", errno);
  const std::string file = proc_maps::file_at(&bus.view.endpoint(0));
  using proc_maps::Found;
  const Found found = file.empty() ? Found::unknown : proc_maps::maps(pid, file);
  // SYNC slot.alive
  const layout::ParticipantWord state{slot.state.load(std::memory_order_acquire)};
  if (state.epoch() != party.epoch() || bus.dead(party)) return {};
  if (found == Found::unknown) {
    return must_not(pid, "/proc does not show whether it has the bus open");
  }
  if (found == Found::no) return must_not(pid, "that process does not have the bus open");
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

Result<void> kill_process_of(const Attachment& bus, layout::ParticipantId party) noexcept try {
  if (party.nobody() || party.index() >= bus.view.capacities().participants) {
    return fail(ErrorKind::corrupted, "the owner of this endpoint is no participant");
  }
  return kill_checked(bus, party);
} catch (...) {
  return fail(ErrorKind::overloaded, "out of memory");
}

}  // namespace shmbus::liveness
