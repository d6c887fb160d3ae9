// A lane that loses its hot place: what its caller published while it still read "hot" is seen by
// the look that follows, or, where the owner cannot make sure that it sees it, soon after.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <functional>

#include "takeover/world.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// One hot place, and two callers that want it; all in one thread.
struct Owner {
  explicit Owner(const std::string& path) {
    for (auto& bus : buses) bus = *Bus::open(path);
    server = *buses[2].serve({.hot_lanes = 1});
    (void)server.on("work", [this](Context& context) {
      ++ran[test::number_in<std::uint32_t>(context.request()) % 2];
      return Status::ok();
    });
    for (std::uint32_t i = 0; i < 2; ++i) callers[i] = test::caller_of(buses[i], "work");
  }
  void poll(int times) {
    for (int i = 0; i < times; ++i) (void)server.poll();
  }
  void send(std::uint32_t who, Notify notify = Notify::now) {
    (void)callers[who].send(test::raw(who), notify);
  }
  /// `who` has the hot place, and has not used it for long.
  void warm(std::uint32_t who) {
    for (int i = 0; i < 3; ++i) {
      send(who);
      poll(2);
    }
    poll(2'500);
  }
  Bus buses[3];
  Server server;
  RawCaller callers[2];
  int ran[2] = {};
};

std::function<void()> at_demotion;

void publish_at_demotion(const char* point) {
  if (std::strcmp(point, "lane.demoting") == 0 && at_demotion) std::exchange(at_demotion, {})();
}

bool deny_membarrier() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof filter / sizeof filter[0], filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST_CASE("what a hot lane got before it lost its place is run at once", "[takeover]") {
  test::TempBus path;
  Owner held(path.path());
  testpoint::hook = publish_at_demotion;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const std::uint32_t hot = i % 2;
    held.warm(hot);
    const int before = held.ran[hot];
    bool demoted = false;
    at_demotion = [&] {
      demoted = true;
      held.send(hot);  // its caller still reads "hot", and rings nobody
    };
    held.send(1 - hot);
    held.poll(2);
    REQUIRE(demoted);
    CHECK(held.ran[hot] == before + 1);
  }
  at_demotion = {};
  testpoint::hook = nullptr;
}

TEST_CASE("without membarrier the lane is looked at for a while", "[takeover]") {
  test::TempBus path;
  test::Child sandboxed([&] {
    if (!deny_membarrier()) return 77;
    Owner held(path.path());
    int found = 0;
    for (std::uint32_t i = 0; i < 50 && found < 10; ++i) {
      const std::uint32_t hot = i % 2;
      held.warm(hot);
      const int before = held.ran[hot];
      held.send(1 - hot);
      held.poll(1);
      // As by a caller that read "hot" before, and whose command is seen later: no bell.
      held.send(hot, Notify::later);
      held.poll(2);
      if (held.ran[hot] == before + 1) ++found;
      held.poll(200);
    }
    return found == 10 ? 0 : 1;
  });
  const int code = sandboxed.wait();
  if (code == 77) WARN("SKIPPED: no seccomp here");
  CHECK((code == 0 || code == 77));
}
