#include "torture/paused/scenes.hpp"

#include <linux/sched.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

#include "shmbus/shmbus.hpp"
#include "torture/paused/director.hpp"
#include "torture/support/bus_state.hpp"

namespace shmbus::torture {
namespace {

using test::Child;

bool is_stopped(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto end = text.rfind(')');
  return end != std::string::npos && end + 2 < text.size() && text[end + 2] == 'T';
}

struct Cast {
  Child elsewhere, handler, caller, reclaimer, daemon;
  [[nodiscard]] std::vector<std::pair<const char*, Child*>> parts() {
    return {{"the pair elsewhere", &elsewhere},
            {"the caller", &caller},
            {"the handler", &handler},
            {"the reclaimer", &reclaimer}};
  }
  Child& of(Part part) {
    return part == Part::handler ? handler : part == Part::caller ? caller : reclaimer;
  }
};

void enter(Director& director, const Scene& scene, Cast& cast) {
  const auto point = [&](Part part) {
    return scene.kind == Scene::Kind::stopped && scene.part == part ? scene.point.c_str() : nullptr;
  };
  if (scene.daemon) cast.daemon = director.start_daemon();
  cast.elsewhere = director.start(play_elsewhere);
  director.check(test::eventually([&] { return director.notes().elsewhere != 0; }, 20s),
                 "the pair elsewhere does not begin");
  cast.handler = director.start(play_handler, point(Part::handler));
  cast.reclaimer = director.start(play_reclaimer, point(Part::reclaimer));
  cast.caller = director.start(play_caller, point(Part::caller));
}

bool stands(Director& director, Child& child, std::chrono::milliseconds limit) {
  return test::eventually([&] { return director.notes().reached != 0 && is_stopped(child.pid()); },
                          limit);
}

/// The part has to go on where it stood, and to get something done.
void expect_progress(Director& director) {
  const auto before = director.notes().answered.load();
  director.check(test::eventually([&] { return director.notes().answered > before + 3; }, 20s),
                 "no calls are answered afterwards");
}

void play_stopped(const Scene& scene, SceneResult& result) {
  Director director(scene, result);
  // Only under global order does a command have a ticket of its own.
  director.notes().ordered = scene.point == "lane.ticketed" ? 1 : 0;
  Cast cast;
  enter(director, scene, cast);
  Child& subject = cast.of(scene.part);
  // Deaths around it lead it to the points of recovery.
  for (int i = 0; i < 12 && !stands(director, subject, i == 0 ? 40ms : 60ms); ++i) {
    Child mortal = director.start(play_mortal);
    (void)stands(director, subject, 15ms);
    mortal.kill();
  }
  result.reached = director.notes().reached;
  const bool registered = director.notes().serving != 0;
  if (result.reached != 0) {
    director.check(stands(director, subject, 5s), "it does not stop");
    director.observe(scene.pause, scene.part == Part::handler, registered);
    subject.signal(SIGCONT);
  }
  // A stop between CAS and raise() would otherwise stay for ever.
  director.notes().reached = 1;
  expect_progress(director);
  director.end(cast.parts(), cast.daemon);
}

void play_debugged(const Scene& scene, SceneResult& result) {
  Director director(scene, result);
  Cast cast;
  enter(director, scene, cast);
  expect_progress(director);
  const pid_t pid = cast.of(scene.part).pid();
  const bool held = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0 &&
                    ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) == 0 &&
                    ::waitpid(pid, nullptr, __WALL) == pid;
  director.check(held, "cannot attach");
  result.reached = held ? 1 : 0;
  director.observe(scene.pause, scene.part == Part::handler, true);
  (void)::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  expect_progress(director);
  director.end(cast.parts(), cast.daemon);
}

/// A child with that very pid, which its predecessor has just given up.
pid_t fork_with_pid(pid_t wanted, const std::function<int()>& body) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  args.set_tid = reinterpret_cast<std::uint64_t>(&wanted);
  args.set_tid_size = 1;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0) ::_exit(body());
  return pid;
}

int join_and_stay(const Stage& stage) {
  auto bus = Bus::open(stage.path, {.label = "inside"});
  if (!bus) return 10;
  stage.notes.reached = 2;
  while (!stage.notes.stop) test::nap(1ms);
  return 0;
}
int stay_outside(const Stage& stage) {
  stage.notes.reached = 2;
  while (!stage.notes.stop) test::nap(1ms);
  return 0;
}

void play_pid_reused(const Scene& scene, SceneResult& result) {
  Director director(scene, result);
  Cast cast;
  enter(director, scene, cast);
  expect_progress(director);
  // First by a process that has nothing to do with the bus, then by one that joins it.
  for (const auto body : {stay_outside, join_and_stay}) {
    director.notes().reached = 0;
    Child mortal = director.start(play_mortal);
    test::nap(30ms);
    const pid_t pid = mortal.pid();
    mortal.kill();
    const Stage stage = director.stage();
    const pid_t again = fork_with_pid(pid, [&] { return body(stage); });
    if (again != pid) {
      std::snprintf(result.skipped, sizeof result.skipped,
                    "pids cannot be chosen here (clone3: %s)", std::strerror(errno));
      break;
    }
    director.check(test::eventually([&] { return stage.notes.reached == 2; }, 10s),
                   "the one with the old pid does not begin");
    result.reached = 1;
    director.observe(scene.pause, false, true);
    // The dead one is found by its lock, the process that has its number.
    director.check(test::eventually([&] { return census_of(stage.path).dead == 0; }, 10s),
                   "the dead one is still there");
    ::kill(again, SIGKILL);
    ::waitpid(again, nullptr, 0);
  }
  director.end(cast.parts(), cast.daemon);
}

/// Runs `body` as process 1 of a new pid namespace (or of a new time namespace, a day ahead).
Child in_namespace(int flag, const std::function<int()>& body) {
  return Child([flag, body] {
    if (::unshare(flag) != 0) return 77;
    if (flag == CLONE_NEWTIME) {
      std::ofstream offsets("/proc/self/timens_offsets");
      offsets << "monotonic 86400 0\nboottime 86400 0\n";
      offsets.close();
      if (!offsets) return 77;
    }
    // Only children are inside.
    Child inside(body);
    return inside.wait(120s);
  });
}

void play_in_namespace(const Scene& scene, SceneResult& result, int flag) {
  Director director(scene, result);
  Cast cast;
  if (scene.daemon) cast.daemon = director.start_daemon();
  cast.elsewhere = director.start(play_elsewhere);
  const Stage stage = director.stage();
  cast.handler = in_namespace(flag, [stage] { return play_handler(stage); });
  if (!test::eventually([&] { return director.notes().serving != 0; }, 5s)) {
    std::snprintf(result.skipped, sizeof result.skipped, "namespaces cannot be made here");
    return;
  }
  result.reached = 1;
  // In a pid namespace of its own too: both are process number 2 of theirs.
  cast.caller = in_namespace(flag, [stage] { return play_caller(stage); });
  cast.reclaimer = director.start(play_reclaimer);
  expect_progress(director);
  director.observe(scene.pause, false, true);
  expect_progress(director);
  director.end(cast.parts(), cast.daemon);
}

bool step_clock(std::int64_t seconds) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += seconds;
  return ::clock_settime(CLOCK_REALTIME, &now) == 0;
}

void play_clock_stepped(const Scene& scene, SceneResult& result) {
  if (std::getenv("SHMBUS_TORTURE_CLOCK") == nullptr) {
    std::snprintf(result.skipped, sizeof result.skipped,
                  "the machine's clock is left alone; SHMBUS_TORTURE_CLOCK=1 lets it be stepped");
    return;
  }
  Director director(scene, result);
  Cast cast;
  enter(director, scene, cast);
  expect_progress(director);
  for (const std::int64_t step : {3'600, -7'200, 3'600}) {
    if (!step_clock(step)) {
      std::snprintf(result.skipped, sizeof result.skipped, "the clock cannot be set here");
      break;
    }
    result.reached = 1;
    director.observe(scene.pause / 4, false, true);
  }
  expect_progress(director);
  director.end(cast.parts(), cast.daemon);
}

}  // namespace

std::string describe(const Scene& scene) {
  std::string text;
  switch (scene.kind) {
    case Scene::Kind::stopped:
      text = std::string("stopped ") + to_string(scene.part) + " " + scene.point;
      break;
    case Scene::Kind::debugged:
      text = std::string("debugged ") + to_string(scene.part);
      break;
    case Scene::Kind::pid_reused:
      text = "pid-reused";
      break;
    case Scene::Kind::pid_namespace:
      text = "pid-namespace";
      break;
    case Scene::Kind::time_namespace:
      text = "time-namespace";
      break;
    case Scene::Kind::clock_stepped:
      text = "clock-stepped";
      break;
  }
  return text + (scene.daemon ? " daemon" : "");
}

void play(const Scene& scene, SceneResult& result) {
  switch (scene.kind) {
    case Scene::Kind::stopped:
      return play_stopped(scene, result);
    case Scene::Kind::debugged:
      return play_debugged(scene, result);
    case Scene::Kind::pid_reused:
      return play_pid_reused(scene, result);
    case Scene::Kind::pid_namespace:
      return play_in_namespace(scene, result, CLONE_NEWPID);
    case Scene::Kind::time_namespace:
      return play_in_namespace(scene, result, CLONE_NEWTIME);
    case Scene::Kind::clock_stepped:
      return play_clock_stepped(scene, result);
  }
}

const std::vector<std::string>& test_points() {
  static const std::vector<std::string> all = {
      "slot.locked",       "slot.alive",        "names.leased",    "names.published",
      "schema.filled",     "name.schema",       "lane.ticketed",   "name.registered",
      "endpoint.acquired", "endpoint.released", "lane.allocating", "lane.attached",
      "lane.filled",       "lane.published",    "lane.rung",       "lane.adopted",
      "lane.orphan",       "lane.freed",        "inbox.pushed",    "inbox.released",
      "command.started",   "command.ran",       "reply.filled",    "reply.committed",
      "extent.leased",     "recovery.read",     "recovery.told",   "recovery.released",
      "reclaim.orphan",    "reclaim.lanes",     "reclaim.extents"};
  return all;
}

}  // namespace shmbus::torture
