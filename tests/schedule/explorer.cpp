#include "schedule/explorer.hpp"

#include <utility>

namespace shmbus::schedule {
namespace {

using Clock = std::chrono::steady_clock;

/// Random executions before the systematic ones, so that these know which words are shared.
constexpr std::uint64_t warm_up = 300;
constexpr std::uint64_t first_seed = 1;

}  // namespace

Explorer::Explorer(World& world, Scheduler& scheduler, Stage& stage, const Scene& scene)
    : world_(&world),
      scheduler_(&scheduler),
      stage_(&stage),
      scene_(&scene),
      shared_(world.words()) {}

Scheduler::Outcome Explorer::execute(const Plan& plan, const Scheduler::Random* random) {
  stage_->clear();
  auto outcome = scheduler_->run(scene_->parts, plan, shared_, random);
  if (!outcome.failure.empty()) return outcome;
  outcome.failure = scene_->verdict ? scene_->verdict() : stage_->afterwards(*scene_);
  return outcome;
}

std::string Explorer::replay(const Plan& plan) { return execute(plan).failure; }

Report Explorer::random(std::uint64_t seed, const Bounds& bounds) {
  Report report;
  report.complete = false;
  for (; Clock::now() < bounds.until && report.executions < bounds.executions; ++seed) {
    const Scheduler::Random random{
        .seed = seed, .kills = bounds.kills, .stops = bounds.stops, .stale = bounds.stale};
    const auto outcome = execute({}, &random);
    ++report.executions;
    report.steps += outcome.steps;
    if (outcome.failure.empty()) continue;
    report.found = outcome.taken;
    report.failure = outcome.failure;
    report.seed = seed;
    break;
  }
  report.shared_words = shared_.count();
  return report;
}

Report Explorer::systematic(const Bounds& bounds) {
  Report report;
  for (std::uint64_t i = 0; i < warm_up; ++i) {
    const Scheduler::Random random{.seed = first_seed + i,
                                   .kills = bounds.kills,
                                   .stops = bounds.stops,
                                   .stale = bounds.stale};
    (void)execute({}, &random);
  }
  // What is learnt on the way adds places where somebody else could go on: once more, then.
  while (sweep(bounds, report)) {
  }
  report.shared_words = shared_.count();
  return report;
}

/// Each way in which a schedule could have gone on otherwise, as far as the bounds allow.
void Explorer::branch(const Node& node, const Choice& choice, std::deque<Node>& next) {
  const auto go = [&](Decision::Kind kind, std::uint8_t to, const Bounds& left) {
    Node child{node.plan, left};
    child.plan.push_back({choice.step, kind, to});
    next.push_back(std::move(child));
  };
  const auto to_others = [&](Decision::Kind kind, unsigned Bounds::*budget) {
    if (node.left.*budget == 0) return;
    Bounds left = node.left;
    --(left.*budget);
    for (std::uint8_t to = 0; to < fibers_max; ++to) {
      if ((choice.others >> to & 1U) != 0) go(kind, to, left);
    }
  };
  if (choice.older != 0) {
    if (node.left.stale == 0) return;
    Bounds left = node.left;
    --left.stale;
    for (unsigned i = 1; i <= choice.older; ++i) {
      go(Decision::Kind::older, static_cast<std::uint8_t>(i), left);
    }
    return;
  }
  if (choice.free) return to_others(Decision::Kind::go_on, &Bounds::turns);
  to_others(Decision::Kind::go_on, &Bounds::preemptions);
  to_others(Decision::Kind::stop, &Bounds::stops);
  if (!choice.kill || node.left.kills == 0) return;
  Bounds left = node.left;
  --left.kills;
  go(Decision::Kind::kill, 0, left);
}

/// True when words turned out to be shared that were not known to be.
bool Explorer::sweep(const Bounds& bounds, Report& report) {
  const std::uint32_t known = shared_.count();
  std::deque<Node> next{{{}, bounds}};
  while (!next.empty()) {
    if (Clock::now() >= bounds.until || report.executions >= bounds.executions) {
      report.complete = false;
      return false;
    }
    const Node node = std::move(next.front());
    next.pop_front();
    const auto outcome = execute(node.plan);
    ++report.executions;
    report.steps += outcome.steps;
    if (!outcome.failure.empty()) {
      report.found = node.plan;
      report.failure = outcome.failure;
      return false;
    }
    for (const Choice& choice : outcome.choices) branch(node, choice, next);
  }
  return shared_.count() != known;
}

}  // namespace shmbus::schedule
