#include "cli/serve/spawn.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/exit_codes.hpp"
#include "os/descriptor.hpp"

extern char** environ;

namespace shmbus::cli::serve {
namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

bool make(Pipe& pipe) {
  std::array<int, 2> ends{};
  if (!descriptor::pipe(ends, 0)) return false;
  pipe.read = Descriptor(ends[0]);
  pipe.write = Descriptor(ends[1]);
  return true;
}

void do_not_block(const Descriptor& end) {
  ::fcntl(end.get(), F_SETFL, ::fcntl(end.get(), F_GETFL) | O_NONBLOCK);  // NOLINT
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const auto& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

/// Ours, without those of the same names.
std::vector<std::string> whole_environment(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** own = environ; *own != nullptr; ++own) {
    const std::string_view text(*own);
    const auto name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const auto& one : added) replaced = replaced || one.starts_with(name);
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

/// What the child needs, made before the fork: between that and exec nothing may ask for memory.
struct Plan {
  const char* file;
  char* const* words;
  char* const* environment;
  int in, out, err, report;
  pid_t parent;
};

[[noreturn]] void become(const Plan& plan) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);  // it went before the line above
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool joined =
      ::dup2(plan.in, 0) >= 0 && ::dup2(plan.out, 1) >= 0 && ::dup2(plan.err, 2) >= 0;
  if (joined) ::execve(plan.file, plan.words, plan.environment);
  const int error = errno;
  (void)!::write(plan.report, &error, sizeof error);
  ::_exit(127);
}

/// 0 once the program runs: the pipe is closed by exec.
int error_of_start(const Descriptor& report) {
  int error = 0;
  ssize_t n = -1;
  do {
    n = ::read(report.get(), &error, sizeof error);
  } while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

}  // namespace

Spawned spawn(const CommandLine& line, const std::vector<std::string>& environment) {
  Spawned spawned;
  Pipe in;
  Pipe out;
  Pipe err;
  Pipe report;
  if (!make(in) || !make(out) || !make(err) || !make(report)) {
    spawned.error = errno;
    return spawned;
  }
  const auto all = whole_environment(environment);
  const auto words = pointers(line.words);
  const auto variables = pointers(all);
  const Plan plan{line.file.c_str(), words.data(),    variables.data(),   in.read.get(),
                  out.write.get(),   err.write.get(), report.write.get(), ::getpid()};
  spawned.pid = ::fork();
  if (spawned.pid == 0) become(plan);
  if (spawned.pid < 0) {
    spawned.error = errno;
    return spawned;
  }
  ::setpgid(spawned.pid, spawned.pid);  // here and in the child: the group is there
  report.write.close();
  spawned.error = error_of_start(report.read);
  if (spawned.error != 0) {
    while (::waitpid(spawned.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    spawned.pid = -1;
    return spawned;
  }
  for (const auto* end : {&in.write, &out.read, &err.read}) do_not_block(*end);
  spawned.in = std::move(in.write);
  spawned.out = std::move(out.read);
  spawned.err = std::move(err.read);
  return spawned;
}

CommandLine look_up(const std::vector<std::string>& words) {
  const auto& name = words.front();
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return {name, words};
  } else {
    const char* path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    while (!rest.empty() && !name.empty()) {
      const auto folder = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
      const auto file = (folder.empty() ? "." : std::string(folder)) + "/" + name;
      if (::access(file.c_str(), X_OK) == 0) return {file, words};
    }
  }
  throw Failure(ErrorKind::invalid_argument, "cannot run '" + name + "': " + std::strerror(errno));
}

}  // namespace shmbus::cli::serve
