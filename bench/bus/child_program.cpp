#include "bus/child_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>

#include "harness/round.hpp"

namespace shmbus::bench {
namespace {

constexpr int kAnswerMs = 10'000;

[[noreturn]] void run(const std::vector<char*>& arguments, int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output, STDOUT_FILENO);
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

std::string sibling_program(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

ChildProgram::ChildProgram(const std::vector<std::string>& command) {
  if (access(command.front().c_str(), X_OK) != 0) {
    throw Unavailable(command.front() + " is not there");
  }
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Unavailable("pipe");
  }
  pid_ = fork();
  if (pid_ == 0) {
    run(arguments, ends[1]);
  }
  close(ends[1]);
  output_ = ends[0];
  if (pid_ < 0) {
    close(output_);
    throw Unavailable("fork");
  }
}

ChildProgram::~ChildProgram() {
  kill();
  (void)wait();
  close(output_);
}

std::string ChildProgram::read_line() {
  std::string line;
  pollfd readable{output_, POLLIN, 0};
  char next = 0;
  while (poll(&readable, 1, kAnswerMs) > 0 && read(output_, &next, 1) == 1) {
    if (next == '\n') {
      return line;
    }
    line += next;
  }
  throw std::runtime_error("shmbus_bench_probe did not answer");
}

void ChildProgram::kill() noexcept {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
  }
}

bool ChildProgram::wait() noexcept {
  if (pid_ <= 0) {
    return false;
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace shmbus::bench
