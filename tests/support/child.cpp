#include "support/child.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace shmbus::test {

Child::Child(const std::function<int()>& body) {
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  int code = 99;
  try {
    code = body();
  } catch (...) {  // a failed assertion of the test framework, in the wrong process
    std::fprintf(stderr, "an exception ended child %d\n", ::getpid());
  }
  std::fflush(nullptr);
  ::_exit(code);
}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, -1);
  }
  return *this;
}

Child::~Child() { kill(); }

void Child::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void Child::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  (void)reap(true);
}

int Child::wait(std::chrono::milliseconds limit) {
  if (pid_ <= 0) return -1;
  std::optional<int> code;
  if (eventually([&] { return (code = reap(false)).has_value(); }, limit)) return *code;
  kill();
  return -1;
}

std::optional<int> Child::reap(bool block) {
  int status = 0;
  pid_t got = 0;
  do {
    got = ::waitpid(pid_, &status, block ? 0 : WNOHANG);
  } while (got < 0 && errno == EINTR);
  if (got != pid_) return std::nullopt;
  pid_ = -1;
  return WIFSIGNALED(status) ? ended_by(WTERMSIG(status)) : WEXITSTATUS(status);
}

std::chrono::microseconds cpu_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto in_us = [](const timeval& t) { return t.tv_sec * 1'000'000L + t.tv_usec; };
  return std::chrono::microseconds(in_us(usage.ru_utime) + in_us(usage.ru_stime));
}

}  // namespace shmbus::test
