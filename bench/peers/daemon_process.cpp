#include "peers/daemon_process.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "harness/round.hpp"

namespace shmbus::bench {
namespace {

constexpr int kStartMs = 10'000;
constexpr int kEndMs = 5'000;

[[noreturn]] void run(const std::vector<std::string>& command, int output) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

// The first line of the output that contains `wanted`; empty when it ends or takes too long.
std::string wait_for_line(int output, const std::string& wanted) {
  std::string text;
  pollfd readable{output, POLLIN, 0};
  while (poll(&readable, 1, kStartMs) > 0) {
    std::array<char, 512> chunk{};
    const ssize_t got = read(output, chunk.data(), chunk.size());
    if (got <= 0) {
      break;
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;) {
      const std::string line = text.substr(0, end);
      text.erase(0, end + 1);
      if (line.find(wanted) != std::string::npos) {
        return line;
      }
    }
  }
  return {};
}

}  // namespace

DaemonProcess::DaemonProcess(const std::vector<std::string>& command, const std::string& ready)
    : owner_(getpid()) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    throw Unavailable("pipe");
  }
  pid_ = fork();
  if (pid_ < 0) {
    close(ends[0]);
    close(ends[1]);
    throw Unavailable("fork");
  }
  if (pid_ == 0) {
    close(ends[0]);
    run(command, ends[1]);
  }
  close(ends[1]);
  output_ = ends[0];
  ready_line_ = wait_for_line(output_, ready);
  if (ready_line_.empty()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(output_);
    throw Unavailable(command.front() + " did not start");
  }
}

DaemonProcess::~DaemonProcess() {
  if (getpid() != owner_) {
    return;  // a forked copy
  }
  kill(pid_, SIGTERM);
  for (int waited_ms = 0; waitpid(pid_, nullptr, WNOHANG) == 0; ++waited_ms) {
    if (waited_ms == kEndMs) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      break;
    }
    usleep(1000);
  }
  close(output_);
}

}  // namespace shmbus::bench
