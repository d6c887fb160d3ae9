// shmbusd as a process of its own, beside participants that are processes of their own.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "layout/participant.hpp"
#include "os/clock.hpp"
#include "os/futex.hpp"
#include "segment/file.hpp"
#include "shmbus/bus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/seed.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;
using layout::ParticipantState;
using layout::ParticipantWord;

namespace {

constexpr const char* program = SHMBUS_BIN_DIR "/shmbusd";

/// Starts shmbusd; stderr goes to `log` when one is given.
Child start(const std::string& bus, const std::string& log = "/dev/null",
            const std::vector<std::string>& more = {}) {
  return Child([&] {
    const int err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(err, STDERR_FILENO);
    std::vector<std::string> words{program, "--bus", bus};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(program, argv.data());
    return 127;
  });
}

ParticipantWord word_at(const segment::View& view, std::uint32_t slot) {
  return {view.participant(slot).state.load(std::memory_order_acquire)};  // SYNC slot.alive
}

/// The slot that a process holds, once it does.
std::uint32_t slot_of(const segment::View& view, pid_t pid) {
  std::uint32_t slot = 0;
  const bool found = eventually([&] {
    for (slot = 0; slot < view.capacities().participants; ++slot) {
      if (word_at(view, slot).state() == ParticipantState::alive &&
          view.participant(slot).pid.load(std::memory_order_relaxed) ==
              static_cast<std::uint32_t>(pid)) {
        return true;
      }
    }
    return false;
  });
  REQUIRE(found);
  return slot;
}

/// Published when the daemon's first pass is over, which follows its first census closely.
void await_daemon(const segment::View& view, pid_t pid) {
  REQUIRE(eventually([&] {
    return view.published_bus().daemon_pid.load(std::memory_order_relaxed) ==
           static_cast<std::uint64_t>(pid);
  }));
}

/// A process that joins and does nothing.
Child idle_participant(const std::string& path) {
  return Child([&] {
    const auto bus = Bus::open(path);
    if (!bus) return 1;
    ::pause();
    return 0;
  });
}

std::string contents(const std::string& path) {
  std::string text;
  if (FILE* file = std::fopen(path.c_str(), "re")) {
    std::array<char, 4096> part{};
    for (std::size_t n = 0; (n = std::fread(part.data(), 1, part.size(), file)) != 0;) {
      text.append(part.data(), n);
    }
    std::fclose(file);
  }
  return text;
}

std::uint64_t cpu_ns(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  REQUIRE(::clock_getcpuclockid(pid, &clock) == 0);
  REQUIRE(::clock_gettime(clock, &used) == 0);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(used.tv_nsec);
}

/// Nanoseconds from SIGKILL until the slot is free again.
std::uint64_t kill_and_time(const segment::View& view, Child& victim) {
  const std::uint32_t slot = slot_of(view, victim.pid());
  const ParticipantWord before = word_at(view, slot);
  const std::uint64_t killed_at = wait::monotonic_ns();
  victim.signal(SIGKILL);
  const bool freed = eventually([&] { return word_at(view, slot).bits != before.bits; }) &&
                     eventually([&] { return word_at(view, slot).epoch() != before.epoch(); });
  const std::uint64_t took = wait::monotonic_ns() - killed_at;
  REQUIRE(freed);
  victim.kill();
  return took;
}

}  // namespace

TEST_CASE("shmbusd: the killed are reclaimed at once") {
  const TempBus path;
  const auto observer = join(path.path());
  Child daemon = start(path.path());
  await_daemon(observer->view(), daemon.pid());
  std::vector<std::uint64_t> took;
  const auto& arrivals = observer->view().bus_events().arrivals;
  for (int i = 0; i < 60; ++i) {
    const auto before = arrivals.load(std::memory_order_relaxed);
    Child victim = idle_participant(path.path());
    REQUIRE(eventually([&] { return arrivals.load(std::memory_order_relaxed) != before; }));
    nap(3ms);
    took.push_back(kill_and_time(observer->view(), victim));
  }
  std::sort(took.begin(), took.end());
  std::printf("SIGKILL to slot free: p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, of %zu kills\n",
              static_cast<double>(took[took.size() / 2]) / 1e6,
              static_cast<double>(took[took.size() * 9 / 10]) / 1e6,
              static_cast<double>(took[took.size() - 1]) / 1e6, took.size());
  CHECK(took[took.size() / 2] < 50'000'000);
  CHECK(observer->view().published_bus().deaths.load(std::memory_order_relaxed) == took.size());
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == 0);
  CHECK(observer->view().published_bus().daemon_pid.load(std::memory_order_relaxed) == 0);
}

TEST_CASE("shmbusd: a process that leaves by exec() is reclaimed too") {
  const TempBus path;
  const auto observer = join(path.path());
  Child daemon = start(path.path());
  await_daemon(observer->view(), daemon.pid());
  const Shared<std::atomic<int>> go;
  Child participant([&] {
    const auto bus = Bus::open(path.path());
    if (!bus || !eventually([&] { return go->load(std::memory_order_relaxed) == 1; })) return 1;
    ::execl("/bin/sleep", "sleep", "60", nullptr);
    return 127;
  });
  const std::uint32_t slot = slot_of(observer->view(), participant.pid());
  nap(20ms);
  go->store(1, std::memory_order_relaxed);
  CHECK(eventually(
      [&] { return word_at(observer->view(), slot).state() == ParticipantState::free; }));
  CHECK(::kill(participant.pid(), 0) == 0);
}

TEST_CASE("shmbusd: a second one refuses politely") {
  const TempBus path;
  const TempFolder folder;
  const auto observer = join(path.path());
  Child first = start(path.path());
  await_daemon(observer->view(), first.pid());
  Child second = start(path.path(), folder.path() + "/log");
  CHECK(second.wait() == 3);
  const std::string said = contents(folder.path() + "/log");
  INFO(said);
  CHECK(said.find("bus=" + path.path()) != std::string::npos);
  CHECK(said.find("pid=" + std::to_string(first.pid())) != std::string::npos);
  CHECK(first.wait(1ms) == -1);  // it runs on, and is now killed
}

TEST_CASE("shmbusd: killed and started again, it takes up what it missed") {
  const TempBus path;
  const auto observer = join(path.path());
  Child daemon = start(path.path());
  await_daemon(observer->view(), daemon.pid());
  Child victim = idle_participant(path.path());
  Child survivor = idle_participant(path.path());
  const std::uint32_t slot = slot_of(observer->view(), victim.pid());
  const std::uint32_t other = slot_of(observer->view(), survivor.pid());
  const std::uint32_t daemon_slot = slot_of(observer->view(), daemon.pid());
  daemon.kill();
  victim.kill();
  daemon = start(path.path());
  await_daemon(observer->view(), daemon.pid());
  // The slot of the one before may have been given back in time for the new one to take it.
  const bool same_slot = slot_of(observer->view(), daemon.pid()) == daemon_slot;
  CHECK(eventually([&] {
    return word_at(observer->view(), slot).state() == ParticipantState::free &&
           (same_slot || word_at(observer->view(), daemon_slot).state() == ParticipantState::free);
  }));
  CHECK(word_at(observer->view(), other).state() == ParticipantState::alive);
  CHECK(kill_and_time(observer->view(), survivor) < 2'000'000'000);
  daemon.signal(SIGINT);
  CHECK(daemon.wait() == 0);
}

TEST_CASE("shmbusd: a bus that is not there") {
  const TempFolder folder;
  const std::string path = folder.path() + "/bus";
  CHECK(start(path, "/dev/null", {"--no-create"}).wait() == 1);
  CHECK(start(path, "/dev/null", {"--mode", "999"}).wait() == 2);
  Child daemon = start(path, "/dev/null", {"--mode", "0640", "--names", "32"});
  REQUIRE(eventually([&] { return segment::id_of(path).inode != 0; }));
  const auto observer = join(path);
  CHECK(observer->view().capacities().names == 32);
}

TEST_CASE("shmbusd: follows a bus that was replaced") {
  const TempFolder folder;
  const std::string path = folder.path() + "/bus";
  auto observer = join(path);
  Child daemon = start(path, folder.path() + "/log");
  await_daemon(observer->view(), daemon.pid());
  ::unlink(path.c_str());
  const auto on_new = join(path);
  nap(1500ms);
  // Somebody is still on the old one.
  CHECK(observer->view().published_bus().daemon_pid.load(std::memory_order_relaxed) ==
        static_cast<std::uint64_t>(daemon.pid()));
  observer.reset();
  await_daemon(on_new->view(), daemon.pid());
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == 0);
}

TEST_CASE("shmbusd: leaves a bus that was removed when the last has left") {
  const TempFolder folder;
  const std::string path = folder.path() + "/bus";
  auto observer = join(path);
  Child daemon = start(path);
  await_daemon(observer->view(), daemon.pid());
  ::unlink(path.c_str());
  observer.reset();
  CHECK(daemon.wait() == 4);
  CHECK(segment::id_of(path).inode == 0);
}

TEST_CASE("shmbusd: speaks sd_notify") {
  const TempBus path;
  const TempFolder folder;
  const std::string name = folder.path() + "/notify";
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const timeval limit{5, 0};
  REQUIRE(::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
  Child daemon([&] {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "200000", 1);
    ::execl(program, program, "--bus", path.path().c_str(), "--log-level", "error", nullptr);
    return 127;
  });
  const auto heard = [&](const std::string& wanted) {
    std::array<char, 256> text{};
    for (int i = 0; i < 50; ++i) {
      const ssize_t n = ::recv(socket, text.data(), text.size(), 0);
      if (n <= 0) return false;
      if (std::string(text.data(), static_cast<std::size_t>(n)).starts_with(wanted)) return true;
    }
    return false;
  };
  CHECK(heard("READY=1"));
  CHECK(heard("WATCHDOG=1"));
  CHECK(heard("WATCHDOG=1"));
  daemon.signal(SIGTERM);
  CHECK(heard("STOPPING=1"));
  CHECK(daemon.wait() == 0);
  ::close(socket);
}

TEST_CASE("shmbusd: costs nothing while idle") {
  const TempBus path;
  const auto observer = join(path.path(), {});
  Child daemon = start(path.path());
  await_daemon(observer->view(), daemon.pid());
  Child participant = idle_participant(path.path());
  (void)slot_of(observer->view(), participant.pid());
  nap(100ms);
  const std::uint64_t before = cpu_ns(daemon.pid());
  nap(2s);
  const std::uint64_t used = cpu_ns(daemon.pid()) - before;
  std::printf("idle: %.3f %% of a core\n", static_cast<double>(used) / 2e9 * 100);
  CHECK(used < 20'000'000);
}

TEST_CASE("shmbusd: lives through a segment full of noise") {
  const TempBus path;
  SHMBUS_RANDOM(random);
  Child daemon = start(path.path());
  REQUIRE(eventually([&] { return segment::id_of(path.path()).inode != 0; }));
  Child scribbler([&]() -> int {
    const auto bus = join(path.path());
    nap(50ms);
    auto* words = reinterpret_cast<layout::Word64*>(&bus->view().participant(0));
    const std::uint64_t count =
        (bus->view().geometry().extents.offset - bus->view().geometry().participants.offset) / 8;
    for (int round = 0; round < 30; ++round) {
      const bool small = round % 2 == 0;  // small numbers are more often valid
      for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t noise = random();
        words[i].store(small ? noise >> (noise % 64) : noise, std::memory_order_relaxed);
      }
      wait::bump_and_wake(bus->view().bus_events().arrivals);
      nap(20ms);
    }
    ::_exit(0);
  });
  CHECK(scribbler.wait() == 0);
  nap(1200ms);
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == 0);
}
