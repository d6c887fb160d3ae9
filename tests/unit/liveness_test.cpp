// Liveness: a participant is dead exactly when the kernel has released its byte, whatever stands in
// the segment; a forked child is told that its handles are not its own.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "attach/prober.hpp"
#include "layout/participant.hpp"
#include "os/file_lock.hpp"
#include "os/handle_guard.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using liveness::LockState;

namespace {

struct OpenFd {
  explicit OpenFd(const std::string& path) : fd(::open(path.c_str(), O_RDWR | O_CREAT, 0600)) {}
  OpenFd(const OpenFd&) = delete;
  OpenFd& operator=(const OpenFd&) = delete;
  ~OpenFd() { ::close(fd); }
  int fd;
};

}  // namespace

TEST_CASE("locks belong to the description, not to the process", "[liveness]") {
  test::TempBus file;
  OpenFd a(file.path());
  OpenFd b(file.path());
  REQUIRE(liveness::try_lock(a.fd, layout::token_lock_offset + 5, 1));
  CHECK(liveness::try_lock(a.fd, layout::token_lock_offset + 5, 1));  // again: it is ours
  CHECK_FALSE(liveness::try_lock(b.fd, layout::token_lock_offset + 5, 1));
  CHECK(liveness::try_lock(b.fd, layout::token_lock_offset + 6, 1));
  CHECK(liveness::query_lock(b.fd, layout::token_lock_offset + 5, 1) == LockState::held);
  CHECK(liveness::query_lock(a.fd, layout::token_lock_offset + 5, 1) == LockState::free);
  { const OpenFd closed(file.path()); }  // F_SETLK would lose the lock here
  CHECK(liveness::query_lock(b.fd, layout::token_lock_offset + 5, 1) == LockState::held);
  liveness::unlock(a.fd, layout::token_lock_offset + 5, 1);
  CHECK(liveness::query_lock(b.fd, layout::token_lock_offset + 5, 1) == LockState::free);
  CHECK(liveness::query_lock(-1, 0, 1) == LockState::unknown);
}

TEST_CASE("a token lives as long as the mapping, not as the descriptor", "[liveness]") {
  test::TempBus bus;
  const auto watcher = test::join(bus.path());
  auto other = test::join(bus.path());
  const auto index = other->attachment().me.index();
  const auto& prober = *watcher->attachment().prober;
  CHECK_FALSE(prober.dead(index));
  CHECK_FALSE(prober.daemon_present());
  CHECK(prober.dead(7));  // a slot that nobody holds
  other.reset();
  CHECK(prober.dead(index));
}

TEST_CASE("a killed process is dead, a stopped one is not", "[liveness]") {
  test::TempBus bus;
  const auto watcher = test::join(bus.path());
  test::Shared<std::atomic<std::uint32_t>> index;
  index->store(~0U);
  test::Child child([&] {
    const auto core = test::join(bus.path());
    index->store(core->attachment().me.index());
    ::pause();
    return 0;
  });
  REQUIRE(test::eventually([&] { return index->load() != ~0U; }));
  const auto& prober = *watcher->attachment().prober;
  CHECK_FALSE(prober.dead(index->load()));
  child.signal(SIGSTOP);
  test::nap(50ms);
  CHECK_FALSE(prober.dead(index->load()));
  child.kill();
  CHECK(test::eventually([&] { return prober.dead(index->load()); }, 100ms));
}

TEST_CASE("a prober that lost its descriptor finds the file again, or says alive", "[liveness]") {
  test::TempBus bus;
  const auto watcher = test::join(bus.path());
  test::Child child([&] {
    const auto core = test::join(bus.path());
    const auto& prober = *core->attachment().prober;
    ::close_range(3, ~0U, 0);
    if (prober.dead(watcher->attachment().me.index())) return 1;
    if (!prober.dead(7)) return 2;
    // The number is another file's by now.
    ::close_range(3, ~0U, 0);
    for (int i = 0; i < 16; ++i) (void)!::open("/dev/null", O_RDWR);
    if (prober.dead(watcher->attachment().me.index())) return 3;
    if (!prober.dead(7)) return 4;
    // And the path leads nowhere: no verdict of death without proof.
    ::close_range(3, ~0U, 0);
    ::rename(bus.path().c_str(), (bus.path() + ".away").c_str());
    const bool dead = prober.dead(7);
    ::rename((bus.path() + ".away").c_str(), bus.path().c_str());
    return dead ? 5 : 0;
  });
  CHECK(child.wait() == 0);
}

TEST_CASE("a process that outlives closefrom() keeps its token", "[liveness]") {
  test::TempBus bus;
  const auto watcher = test::join(bus.path());
  test::Shared<std::atomic<std::uint32_t>> index;
  index->store(~0U);
  test::Child child([&] {
    const auto core = test::join(bus.path());
    ::close_range(3, ~0U, 0);
    index->store(core->attachment().me.index());
    ::pause();
    return 0;
  });
  REQUIRE(test::eventually([&] { return index->load() != ~0U; }));
  CHECK_FALSE(watcher->attachment().prober->dead(index->load()));
  child.kill();
  CHECK(test::eventually([&] { return watcher->attachment().prober->dead(index->load()); }, 100ms));
}

TEST_CASE("a forked child does not hold its parent's token", "[liveness]") {
  // The parent dies while its child lives on: the parent must count as dead.
  test::TempBus bus;
  const auto watcher = test::join(bus.path());
  test::Shared<std::atomic<std::uint32_t>> index;
  test::Shared<std::atomic<pid_t>> grandchild;
  index->store(~0U);
  test::Child child([&] {
    const auto core = test::join(bus.path());
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    grandchild->store(pid);
    index->store(core->attachment().me.index());
    ::pause();
    return 0;
  });
  REQUIRE(test::eventually([&] { return index->load() != ~0U; }));
  child.kill();
  CHECK(test::eventually([&] { return watcher->attachment().prober->dead(index->load()); }, 100ms));
  ::kill(grandchild->load(), SIGKILL);
}

TEST_CASE("the handle guard knows a child, and the child can have its own", "[liveness]") {
  auto* guard = liveness::HandleGuard::acquire();
  REQUIRE(guard != nullptr);
  CHECK(guard->intact());
  test::Child child([&] {
    if (!guard->forked()) return 1;
    const auto* own = liveness::HandleGuard::acquire();
    if (own == nullptr || own == guard || own->forked()) return 2;
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(own->forked() && guard->forked() ? 0 : 1);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
  });
  CHECK(child.wait() == 0);
  CHECK(guard->intact());
  guard->release();
  CHECK(liveness::HandleGuard::acquire() == guard);  // pages are used again
  guard->release();
}
