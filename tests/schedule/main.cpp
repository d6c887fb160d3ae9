// Runs the library's protocol under a deterministic scheduler, in one process.
//
//   shmbus_schedule                        every scene within its bounds
//   shmbus_schedule --scene S              one of them; with other bounds: --preemptions N,
//                                          --kills N, --stops N, --turns N
//   shmbus_schedule --at-most EXECUTIONS   of each scene
//   shmbus_schedule --random SECONDS       random schedules; --seed N: from that one on
//   shmbus_schedule --scene S --replay "117>2 305!"    one schedule, told step by step
//   shmbus_schedule --mistake M            M is planted: 0 when a scene finds it, with its schedule
//   shmbus_schedule --mistakes             each of them
//   shmbus_schedule --list                 scenes and mistakes
//
// With the memory model of weak_memory.hpp instead of a sequentially consistent one:
//   shmbus_schedule --litmus               what that is, by the published shapes
//   shmbus_schedule --weak ...             each of the above; --stale N: older values loaded
//   shmbus_schedule --weaken W ...         with a place that has lost its order: sites.hpp
//   shmbus_schedule --weak --weakened      the table of weakened.cpp: each has to be found
//   shmbus_schedule --weak --survey TEXT   each place with TEXT in its name weakened, in each scene
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/testpoint.hpp"
#include "schedule/explorer.hpp"
#include "schedule/litmus.hpp"
#include "schedule/mistakes.hpp"
#include "schedule/weakened.hpp"

using namespace shmbus::schedule;

namespace {

struct Options {
  std::string scene;
  std::string mistake;
  std::optional<std::string> replay;
  std::optional<unsigned> preemptions, kills, stops, stale, turns;
  std::optional<Weakening> weakening;
  double random_s = 0;
  std::uint64_t executions = ~0ULL;
  std::uint64_t seed = 1;
  bool all_mistakes = false;
  bool list = false;
  bool weak = false;
  bool litmus = false;
  bool weakened = false;
  std::optional<std::string> survey;
};

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "shmbus_schedule [--scene S] [--preemptions N] [--kills N] [--turns N] "
               "[--stops N] [--at-most EXECUTIONS] [--random SECONDS] [--seed N] [--replay PLAN] "
               "[--mistake M] [--mistakes] [--list] "
               "[--litmus] [--weak] [--stale N] [--weaken SIDE:PLACE] [--weakened] "
               "[--survey TEXT]\n");
  std::exit(2);
}

Weakening weakening(std::string_view text) {
  auto what = Weakening::parse(text);
  if (!what) usage();
  return *what;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto value = [&]() -> const char* { return ++i < argc ? argv[i] : (usage(), nullptr); };
    const auto number = [&] { return static_cast<unsigned>(std::strtoul(value(), nullptr, 10)); };
    if (flag == "--scene")
      options.scene = value();
    else if (flag == "--mistake")
      options.mistake = value();
    else if (flag == "--replay")
      options.replay = value();
    else if (flag == "--preemptions")
      options.preemptions = number();
    else if (flag == "--kills")
      options.kills = number();
    else if (flag == "--turns")
      options.turns = number();
    else if (flag == "--random")
      options.random_s = std::strtod(value(), nullptr);
    else if (flag == "--stops")
      options.stops = number();
    else if (flag == "--at-most")
      options.executions = std::strtoull(value(), nullptr, 10);
    else if (flag == "--seed")
      options.seed = std::strtoull(value(), nullptr, 10);
    else if (flag == "--stale")
      options.stale = number();
    else if (flag == "--weak")
      options.weak = true;
    else if (flag == "--weaken")
      options.weakening = weakening(value());
    else if (flag == "--litmus")
      options.litmus = true;
    else if (flag == "--weakened")
      options.weakened = true;
    else if (flag == "--survey")
      options.survey = value();
    else if (flag == "--mistakes")
      options.all_mistakes = true;
    else if (flag == "--list")
      options.list = true;
    else
      usage();
  }
  return options;
}

std::chrono::steady_clock::time_point in(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(
             std::chrono::duration<double>(seconds));
}

struct Machine {
  World world;
  Scheduler scheduler{world};
  Stage stage{scheduler};

  Report explore(const Scene& scene, const Options& options) {
    Explorer explorer(world, scheduler, stage, scene);
    Bounds bounds{.preemptions = options.preemptions.value_or(scene.depth.preemptions),
                  .kills = options.kills.value_or(scene.depth.kills),
                  .stops = options.stops.value_or(scene.depth.stops),
                  .stale = options.stale.value_or(options.weak ? 1 : 0),
                  .turns = options.turns.value_or(1),
                  .executions = options.executions};
    if (options.random_s > 0) {
      bounds.until = in(options.random_s);
      return explorer.random(options.seed, bounds);
    }
    return explorer.systematic(bounds);
  }
};

void print(const Scene& scene, const Report& report, double seconds) {
  std::printf("%-20s %8llu executions %11llu steps %4u shared words %6.1f s  %s\n",
              scene.name.c_str(), static_cast<unsigned long long>(report.executions),
              static_cast<unsigned long long>(report.steps), report.shared_words, seconds,
              report.found      ? "FAILED"
              : report.complete ? "all tried"
                                : "ok");
  if (!report.found) return;
  std::printf("  %s\n", report.failure.c_str());
  if (report.seed != 0) std::printf("  seed %llu\n", static_cast<unsigned long long>(report.seed));
  std::printf("  shmbus_schedule --scene %s --replay \"%s\"\n", scene.name.c_str(),
              to_string(*report.found).c_str());
}

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

int run_scenes(Machine& machine, const Options& options) {
  bool any = false;
  bool failed = false;
  for (const Scene& scene : scenes()) {
    if (!options.scene.empty() && scene.name != options.scene) continue;
    any = true;
    const auto began = std::chrono::steady_clock::now();
    const Report report = machine.explore(scene, options);
    print(scene, report, seconds_since(began));
    std::fflush(stdout);
    failed = failed || report.found.has_value();
  }
  if (!any) usage();
  return failed ? 1 : 0;
}

/// 0 when the exploration finds the mistake in the scene that is there for it.
int run_mistake(Machine& machine, const Mistake& mistake, const Options& options) {
  machine.scheduler.plant(mistake.name);
  Options narrowed = options;
  if (options.scene.empty()) narrowed.scene = mistake.scene;
  int result = 1;
  for (const Scene& scene : scenes()) {
    if (scene.name != narrowed.scene) continue;
    const auto began = std::chrono::steady_clock::now();
    const Report report = machine.explore(scene, narrowed);
    if (report.found) {
      result = 0;
      std::printf("%-20s found in %s after %llu executions, %.2f s: %s; plan \"%s\"\n",
                  mistake.name, scene.name.c_str(),
                  static_cast<unsigned long long>(report.executions), seconds_since(began),
                  report.failure.c_str(), to_string(*report.found).c_str());
    } else {
      std::printf("%-20s NOT FOUND in %s, %llu executions, %.2f s\n", mistake.name,
                  scene.name.c_str(), static_cast<unsigned long long>(report.executions),
                  seconds_since(began));
    }
    std::fflush(stdout);
  }
  machine.scheduler.plant({});
  return result;
}

int run_mistakes(Machine& machine, const Options& options) {
  int result = options.all_mistakes ? 0 : 1;
  for (const Mistake& mistake : mistakes) {
    if (!options.all_mistakes && options.mistake != mistake.name) continue;
    const int one = run_mistake(machine, mistake, options);
    result = options.all_mistakes ? std::max(result, one) : one;
  }
  return result;
}

int replay(Machine& machine, const Options& options) {
  const auto plan = parse_plan(*options.replay);
  if (!plan) usage();
  for (const Scene& scene : scenes()) {
    if (scene.name != options.scene) continue;
    machine.scheduler.plant(options.mistake);
    machine.scheduler.trace(true);
    shmbus::testpoint::hook = [](const char* name) { Scheduler::the().say(name); };
    const std::string failure =
        Explorer(machine.world, machine.scheduler, machine.stage, scene).replay(*plan);
    std::printf("%s\n", failure.empty() ? "all is well" : failure.c_str());
    return failure.empty() ? 0 : 1;
  }
  usage();
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (options.list) {
    for (const Scene& scene : scenes()) {
      std::printf("scene %-20s %s\n", scene.name.c_str(), scene.about.c_str());
    }
    for (const Mistake& mistake : mistakes) std::printf("mistake %s\n", mistake.name);
    return 0;
  }
  Machine machine;
  if (options.litmus) return litmus::run(machine.world, machine.scheduler, machine.stage);
  machine.scheduler.weak(options.weak);
  if (options.survey || options.weakened) {
    const Explore explore = [&](const Scene& scene, std::uint64_t executions) {
      Options bounded = options;
      bounded.executions = executions;
      return machine.explore(scene, bounded);
    };
    if (options.weakened) {
      return run_weakened(machine.scheduler, explore, options.executions);
    }
    return survey_weakened(machine.scheduler, explore, options.executions, *options.survey);
  }
  machine.scheduler.sites().weaken(options.weakening);
  if (options.replay) return replay(machine, options);
  if (options.all_mistakes || !options.mistake.empty()) return run_mistakes(machine, options);
  return run_scenes(machine, options);
}
