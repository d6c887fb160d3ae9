// Ending a server by a signal: stop_on_signals(), in processes of their own.
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

struct Seen {
  std::atomic<int> ready{0};
  std::atomic<int> ran{0};
};

/// As in a program of its own: Catch2 handles signals, and a child inherits that.
void forget_handlers() {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) ::signal(signal, SIG_DFL);
}

/// Serves `nap` until a signal comes. Exit code 0 when run() ended well, and 100 + the signal when
/// the object did not see it.
int serve_until_signal(const std::string& path, Seen& seen) {
  forget_handlers();
  auto bus = Bus::open(path);
  if (!bus) return 1;
  auto server = bus->serve();
  if (!server) return 2;
  const auto added = server->on("nap", [&seen](Context&) {
    nap(200ms);
    ++seen.ran;
    return Status::ok();
  });
  if (!added) return 3;
  auto stop = stop_on_signals();
  if (!stop) return 4;
  seen.ready = 1;
  if (!server->run(stop->token())) return 5;
  return stop->signal() == SIGTERM || stop->signal() == SIGINT ? 0 : 100 + stop->signal();
}

}  // namespace

TEST_CASE("stop_on_signals: run() returns for SIGTERM and SIGINT, at once when idle") {
  const TempBus place;
  for (const int signal : {SIGTERM, SIGINT}) {
    const Shared<Seen> seen;
    Child handler([&] { return serve_until_signal(place.path(), *seen); });
    REQUIRE(eventually([&] { return seen->ready == 1; }));
    const Stopwatch since;
    handler.signal(signal);
    CHECK(handler.wait() == 0);
    CHECK(since.ms() < 2000);
  }
}

TEST_CASE("stop_on_signals: what was committed before the signal is run and answered") {
  const TempBus place;
  const Shared<Seen> seen;
  Child handler([&] { return serve_until_signal(place.path(), *seen); });
  auto bus = open_when_served(place.path(), "nap");
  auto caller = caller_of(bus, "nap");
  std::vector<Pending> under_way;
  for (int i = 0; i < 3; ++i) {
    auto started = caller.start({}, 0, 10s);
    REQUIRE_OK(started);
    under_way.push_back(std::move(*started));
  }
  handler.signal(SIGTERM);
  for (auto& one : under_way) CHECK_OK(one.wait());
  CHECK(handler.wait() == 0);
  CHECK(seen->ran == 3);
}

TEST_CASE("stop_on_signals: whatever threads there are, and whatever they block") {
  const TempBus place;
  const Shared<Seen> seen;
  Child handler([&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::thread([] { nap(100s); }).detach();
    return serve_until_signal(place.path(), *seen);
  });
  REQUIRE(eventually([&] { return seen->ready == 1; }));
  handler.signal(SIGTERM);
  CHECK(handler.wait() == 0);
}

TEST_CASE("stop_on_signals: as process 1 of a pid namespace") {
  const TempBus place;
  const Shared<Seen> seen;
  Child outer([&] {
    const bool root = ::geteuid() == 0;
    if (::unshare(root ? CLONE_NEWPID : CLONE_NEWUSER | CLONE_NEWPID) != 0) return 77;
    const pid_t first = ::fork();
    if (first == 0) {
      if (::getpid() != 1) ::_exit(99);
      ::_exit(serve_until_signal(place.path(), *seen));
    }
    if (!eventually([&] { return seen->ready == 1; }, 10s)) return 98;
    ::kill(first, SIGTERM);
    int status = 0;
    if (!eventually([&] { return ::waitpid(first, &status, WNOHANG) == first; }, 10s)) {
      ::kill(first, SIGKILL);
      return 97;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
  });
  const int code = outer.wait();
  if (code == 77) {
    WARN("SKIPPED: no pid namespace may be made here");
    return;
  }
  CHECK(code == 0);
}

TEST_CASE("stop_on_signals: several objects, and the signals as before when they have gone") {
  Child process([] {
    forget_handlers();
    {
      auto first = stop_on_signals({SIGTERM});
      auto second = stop_on_signals({SIGTERM, SIGUSR1});
      if (!first || !second) return 1;
      const auto token = first->token();
      const auto other = second->token();
      ::raise(SIGUSR1);
      if (!eventually([&] { return other.stop_requested(); })) return 2;
      if (token.stop_requested()) return 3;
      ::raise(SIGTERM);
      if (!eventually([&] { return token.stop_requested(); })) return 4;
      if (first->signal() != SIGTERM || second->signal() != SIGUSR1) return 5;
    }
    struct sigaction now {};
    ::sigaction(SIGTERM, nullptr, &now);
    if (now.sa_handler != SIG_DFL) return 6;
    {
      const auto again = stop_on_signals();
      if (!again || again->token().stop_requested()) return 7;
    }
    ::raise(SIGTERM);  // ends the process
    return 8;
  });
  CHECK(process.wait() == ended_by(SIGTERM));
}

TEST_CASE("stop_on_signals: a child of fork is ended by the signal") {
  Child process([] {
    forget_handlers();
    const auto stop = stop_on_signals();
    if (!stop) return 1;
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      nap(100s);
      ::_exit(0);
    }
    ::kill(child, SIGTERM);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM) return 2;
    return stop->token().stop_requested() ? 3 : 0;
  });
  CHECK(process.wait() == 0);
}

TEST_CASE("stop_on_signals: what it refuses, and what it leaves ignored") {
  Child process([] {
    forget_handlers();
    if (kind(stop_on_signals({SIGKILL})) != ErrorKind::invalid_argument) return 1;
    if (kind(stop_on_signals({})) != ErrorKind::invalid_argument) return 2;
    if (kind(stop_on_signals({0})) != ErrorKind::invalid_argument) return 3;
    if (kind(stop_on_signals({1000})) != ErrorKind::invalid_argument) return 4;
    ::signal(SIGTERM, [](int) {});
    if (kind(stop_on_signals({SIGUSR1, SIGTERM})) != ErrorKind::already_registered) return 5;
    struct sigaction now {};
    ::sigaction(SIGUSR1, nullptr, &now);
    if (now.sa_handler != SIG_DFL) return 6;  // all or none
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGINT, SIG_IGN);  // as a shell starts what runs in the background
    const auto stop = stop_on_signals();
    if (!stop) return 7;
    ::raise(SIGINT);
    nap(20ms);
    return stop->token().stop_requested() ? 8 : 0;
  });
  CHECK(process.wait() == 0);
}
