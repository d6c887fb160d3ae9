// How soon a death is reported when the kernel takes long over it: a handler with much memory, and
// one that dumps core. Callers see that every thread of its process is exiting. What cannot be
// proven so early is not: a process that somebody else only claims to be, one that is stopped.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "attach/prober.hpp"
#include "layout/participant.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t mib = 1U << 20U;

std::size_t free_mib() { return static_cast<std::size_t>(::sysconf(_SC_AVPHYS_PAGES)) / 256; }

/// Serves "stall", which never answers, and holds that much memory.
int serve_with(const std::string& path, std::size_t bytes, bool dump) {
  if (dump) {
    std::signal(SIGABRT, SIG_DFL);  // not the handler of the test framework
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_CORE, &all);
  }
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  for (std::size_t at = 0; at < bytes; at += 4096) static_cast<char*>(memory)[at] = 1;
  auto bus = Bus::open(path);
  if (!bus) return 2;
  auto server = bus->serve();
  std::thread other([] { ::pause(); });  // exits as well, after its process was killed
  if (!server || !server->on("stall", [](Context&) -> Status {
        for (;;) ::pause();
      })) {
    return 3;
  }
  (void)server->run({});
  return 4;
}

struct Told {
  ErrorKind kind;
  std::chrono::milliseconds after;
  bool still_held;  ///< the kernel had not taken the process down yet
};

Told told_after(const std::string& path, test::Child& handler, int signal) {
  auto bus = Bus::open(path);
  REQUIRE_OK(bus);
  REQUIRE_OK(bus->wait_until_available("stall", 60s));
  const auto watcher = test::join(path, {});
  const auto& view = watcher->view();
  std::uint32_t index = 0;
  while (view.participant(index).pid.load() != static_cast<std::uint32_t>(handler.pid())) ++index;
  auto caller = bus->caller("stall");
  REQUIRE_OK(caller);
  Clock::time_point killed;
  std::thread killer([&] {
    test::nap(200ms);
    killed = Clock::now();
    ::kill(handler.pid(), signal);
  });
  const auto reply = caller->call({}, {}, 60s);
  const auto told = Clock::now();
  const bool still_held = !watcher->attachment().prober->dead(index);
  killer.join();
  return {test::kind(reply), std::chrono::duration_cast<std::chrono::milliseconds>(told - killed),
          still_held};
}

/// The lock alone: what the kernel says when it has taken everything down.
std::chrono::milliseconds until_reaped(test::Child& handler, Clock::time_point since) {
  (void)handler.wait();
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since);
}

}  // namespace

TEST_CASE("the death of a process of a gigabyte is reported before its memory is gone", "[exit]") {
  const std::size_t bytes = std::min<std::size_t>(free_mib() / 4, 1024) * mib;
  test::TempBus path;
  test::Child handler([&] { return serve_with(path.path(), bytes, false); });
  const auto told = told_after(path.path(), handler, SIGKILL);
  CHECK(told.kind == ErrorKind::handler_died_after_start);
  INFO("told after " << told.after.count() << " ms");
  CHECK(told.still_held);  // a state, and no time: the machine may be busy
}

TEST_CASE("a death that dumps core is reported before the dump is written", "[exit]") {
  test::TempFolder folder;  // where the core goes, unless a program takes it
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const std::size_t bytes = std::min<std::size_t>(free_mib() / 8, 512) * mib;
  test::TempBus path;
  test::Child handler([&] { return serve_with(path.path(), bytes, true); });
  const auto began = Clock::now();
  const auto told = told_after(path.path(), handler, SIGABRT);
  const auto reaped = until_reaped(handler, began);
  std::filesystem::current_path(here);
  CHECK(told.kind == ErrorKind::handler_died_after_start);
  INFO("told after " << told.after.count() << " ms, gone after " << reaped.count());
  CHECK(told.still_held);
}

TEST_CASE("the slot of one that is exiting goes to nobody before its lock is free", "[exit]") {
  const std::size_t bytes = std::min<std::size_t>(free_mib() / 4, 1024) * mib;
  test::TempBus path;
  const auto watcher = test::join(path.path(), {});
  test::Child handler([&] { return serve_with(path.path(), bytes, false); });
  const auto& a = watcher->attachment();
  auto caller_bus = Bus::open(path.path());
  REQUIRE_OK(caller_bus->wait_until_available("stall", 60s));
  std::uint32_t index = 0;
  while (a.view.participant(index).pid.load() != static_cast<std::uint32_t>(handler.pid())) ++index;
  const layout::ParticipantWord word{a.view.participant(index).state.load()};
  const auto party = layout::ParticipantId::make(index, word.epoch());
  a.meet(party);
  REQUIRE(a.prober->knows(party));
  CHECK_FALSE(a.dead(party));
  ::kill(handler.pid(), SIGKILL);
  REQUIRE(test::eventually([&] { return a.dead(party); }));
  // A process that joins now takes another slot.
  std::vector<std::shared_ptr<detail::BusCore>> others;
  for (int i = 0; i < 5; ++i) others.push_back(test::join(path.path(), {}));
  for (const auto& other : others) {
    if (!a.prober->dead(index)) CHECK(other->attachment().me.index() != index);
  }
  CHECK(test::eventually([&] { return a.prober->dead(index); }));
}

TEST_CASE("who stops, or only claims to be another, is not exiting", "[exit]") {
  test::TempBus path;
  const auto watcher = test::join(path.path(), {});
  const auto& a = watcher->attachment();
  test::Shared<std::atomic<std::uint32_t>> slot;
  test::Shared<std::atomic<std::uint32_t>> other_slot;
  const auto sit = [&](test::Shared<std::atomic<std::uint32_t>>& where) {
    const auto core = test::join(path.path(), {});
    where->store(core->attachment().me.bits);
    for (;;) ::pause();
    return 0;
  };
  test::Child one([&] { return sit(slot); });
  test::Child two([&] { return sit(other_slot); });
  REQUIRE(test::eventually([&] { return slot->load() != 0 && other_slot->load() != 0; }));
  const layout::ParticipantId party{slot->load()};
  const layout::ParticipantId forger{other_slot->load()};
  // A word that a peer scribbled leads to a process that does not hold this slot.
  auto& claimed = a.view.participant(party.index()).pid;
  const auto true_pid = claimed.load();
  claimed.store(static_cast<std::uint32_t>(two.pid()));
  a.meet(party);
  CHECK_FALSE(a.prober->knows(party));
  claimed.store(true_pid);
  const auto second = test::join(path.path(), {});  // has not tried yet
  second->attachment().meet(party);
  REQUIRE(second->attachment().prober->knows(party));
  a.meet(forger);
  REQUIRE(a.prober->knows(forger));
  two.kill();
  CHECK_FALSE(second->attachment().dead(party));
  CHECK_FALSE(a.dead(party));
  one.signal(SIGSTOP);
  test::nap(50ms);
  CHECK_FALSE(second->attachment().dead(party));
  one.signal(SIGCONT);
  one.kill();
  CHECK(test::eventually([&] { return second->attachment().dead(party); }));
}

TEST_CASE("a process whose main thread has ended lives on in the others", "[exit]") {
  test::TempBus path;
  const auto watcher = test::join(path.path(), {});
  const auto& a = watcher->attachment();
  test::Shared<std::atomic<std::uint32_t>> slot;
  test::Shared<std::atomic<bool>> met;
  test::Child child([&]() -> int {
    static std::shared_ptr<detail::BusCore> core = test::join(path.path(), {});
    std::thread([] {
      for (;;) ::pause();
    }).detach();
    slot->store(core->attachment().me.bits);
    if (!test::eventually([&] { return met->load(); })) return 1;
    ::syscall(SYS_exit, 0);  // this thread alone
    return 2;
  });
  REQUIRE(test::eventually([&] { return slot->load() != 0; }));
  const layout::ParticipantId party{slot->load()};
  a.meet(party);
  REQUIRE(a.prober->knows(party));
  met->store(true);
  const std::string stat = "/proc/" + std::to_string(child.pid()) + "/stat";
  REQUIRE(test::eventually(
      [&] { return test::read_whole_file(stat).find(") Z ") != std::string::npos; }));
  CHECK_FALSE(a.dead(party));
  test::nap(50ms);
  CHECK_FALSE(a.dead(party));
  child.kill();
  CHECK(test::eventually([&] { return a.dead(party); }));
}
