// Handler processes of an example that plays all parts itself. They end with it.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "report.hpp"

class Process {
 public:
  /// Forks; the child's exit code is what `body` returns. Fork before the bus is opened.
  template <class Body>
  explicit Process(Body body) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(body());
  }
  ~Process() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  /// Until it has ended: its exit code, 1 for one that was killed.
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

 private:
  pid_t pid_;
};

/// Serves what `add(bus, server)` registers, until the process is killed.
template <class Add>
int serve(const char* path, Add add) {
  auto bus = shmbus::Bus::open(path);
  if (!bus) return report(bus.error());
  auto server = bus->serve();
  if (!server) return report(server.error());
  if (auto added = add(*bus, *server); !added) return report(added.error());
  auto ended = server->run({});
  return ended ? 0 : report(ended.error());
}
