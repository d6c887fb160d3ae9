// torture_paused: paused is not dead. A handler, a caller or a participant that reclaims is stopped
// at each place between two shared effects, for longer than every interval in the code, or held by
// a debugger; its pid is given to another; it lives in a pid or time namespace of its own. Nobody
// may call it dead, nobody else may wait beyond its own limit, and it goes on when it is let.
//
//   --scene TEXT    only those whose description contains it      --pause MS
#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "torture/paused/scenes.hpp"
#include "torture/support/options.hpp"
#include "torture/support/summary.hpp"

using namespace shmbus::torture;  // NOLINT: this file is its main
using shmbus::test::Child;
using shmbus::test::Shared;

namespace {

std::vector<Scene> scenes_for(const Options& options) {
  // The longest interval is the daemon's sweep, a second; without one it is half of that.
  const auto pause =
      std::chrono::milliseconds(options.number("pause", options.full() ? 4'000 : 1'300));
  std::mt19937_64 random(options.seed());
  std::vector<Scene> all;
  using Kind = Scene::Kind;
  for (const Part part : {Part::handler, Part::caller, Part::reclaimer}) {
    for (const auto& point : test_points()) {
      const bool daemon = random() % 2 == 0;
      all.push_back({Kind::stopped, part, point, daemon, pause});
      if (options.full()) all.push_back({Kind::stopped, part, point, !daemon, pause});
    }
    for (const bool daemon : {false, true})
      all.push_back({Kind::debugged, part, {}, daemon, pause});
  }
  for (const Kind kind : {Kind::pid_reused, Kind::pid_namespace, Kind::time_namespace}) {
    for (const bool daemon : {false, true}) all.push_back({kind, Part::nobody, {}, daemon, pause});
  }
  all.push_back({Kind::clock_stepped, Part::nobody, {}, true, pause});
  std::erase_if(all, [&](const Scene& scene) {
    return describe(scene).find(options.text("scene")) == std::string::npos;
  });
  return all;
}

struct Running {
  Scene scene;
  Child child;
  std::unique_ptr<Shared<SceneResult>> result;
};

class Programme {
 public:
  explicit Programme(std::uint64_t seed) : seed_(seed) {}

  void add(const Scene& scene) {
    auto result = std::make_unique<Shared<SceneResult>>();
    Child child([&] {
      play(scene, **result);
      return 0;
    });
    running_.push_back({scene, std::move(child), std::move(result)});
    if (running_.size() >= 6) finish_one();
  }
  int end() {
    while (!running_.empty()) finish_one();
    for (const auto& [point, reached] : reached_) {
      if (!reached) std::printf("skipped: no part came to %s\n", point.c_str());
    }
    sum_.print(" scenes=" + std::to_string(scenes_) + " never_there=" +
               std::to_string(never_there_) + " skipped=" + std::to_string(skipped_));
    return sum_.good() ? 0 : 1;
  }

 private:
  void finish_one() {
    Running one = std::move(running_.front());
    running_.pop_front();
    const int code = one.child.wait(std::chrono::minutes(3));
    const SceneResult& result = **one.result;
    const std::string text = describe(one.scene);
    ++scenes_;
    if (result.skipped[0] != '\0') {
      std::printf("skipped: %s: %s\n", text.c_str(), result.skipped);
      ++skipped_;
      return;
    }
    const bool good = code == 0 && result.failures == 0;
    // Not every part passes every place.
    if (one.scene.kind == Scene::Kind::stopped) {
      reached_[one.scene.point] = reached_[one.scene.point] || result.reached != 0;
    }
    if (result.reached == 0 && good) {
      ++never_there_;
      return;
    }
    ++sum_.points;
    sum_.recovered += good ? 1 : 0;
    if (good) return;
    ++sum_.hung;
    std::printf("FAILED seed=%lu: torture_paused --scene \"%s\" (code %d)\n%s", seed_, text.c_str(),
                code, result.problems);
    std::fflush(stdout);
  }

  std::uint64_t seed_;
  std::deque<Running> running_;
  Summary sum_;
  unsigned scenes_ = 0;
  unsigned never_there_ = 0;
  std::map<std::string, bool> reached_;
  unsigned skipped_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv, "scene pause");
  std::printf("seed=%lu\n", options.seed());
  std::fflush(stdout);
  Programme programme(options.seed());
  for (const auto& scene : scenes_for(options)) programme.add(scene);
  return programme.end();
}
