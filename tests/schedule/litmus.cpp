#include "schedule/litmus.hpp"

#include <cstdio>
#include <set>

#include "layout/participant.hpp"
#include "os/file_lock.hpp"
#include "schedule/explorer.hpp"
#include "segment/view.hpp"

namespace shmbus::schedule::litmus {
namespace {

/// What a reader finds when it comes early it finds as well when it comes late and reads what is
/// stale: with four threads, preemptions only multiply what is tried.
constexpr Bounds enough{.preemptions = 2, .stale = 4, .turns = 3};
constexpr Bounds enough_of_four{.preemptions = 1, .stale = 4, .turns = 3};

/// By the mapping of the asking thread; the words are those of an inbox that nothing else uses.
Table table_of(std::size_t thread, Results& results) {
  const segment::View view(World::the().view(thread), World::the().geometry());
  const auto words = view.inbox(0);
  return {words[0], words[1], words[2], view.bus_events().registrations, results};
}

std::string text_of(const Results& results, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += (i == 0 ? "" : ",") + std::to_string(results[i]);
  }
  return text;
}

/// All that the model allows, in words.
std::set<std::string> expected_of(const Shape& shape) {
  std::set<std::string> out;
  Results results{};
  const std::function<void(std::size_t)> next = [&](std::size_t at) {
    if (at == shape.values.size()) {
      if (shape.allowed(results)) out.insert(text_of(results, at));
      return;
    }
    for (const auto value : shape.values[at]) {
      results[at] = value;
      next(at + 1);
    }
  };
  next(0);
  return out;
}

Part part_of(const Shape& shape, std::size_t i, Results& results) {
  const bool dies = shape.first_dies && i == 0;
  return {"thread" + std::to_string(i), Kind::client, false, [&shape, i, dies, &results] {
            if (dies)
              (void)liveness::try_lock(World::the().open_description(i), layout::token_lock_offset,
                                       1);
            Scheduler::the().ready(true);
            Table table = table_of(i, results);
            shape.threads[i](table);
          }};
}

std::string join(const std::set<std::string>& outcomes) {
  std::string text;
  for (const auto& one : outcomes) text += (text.empty() ? "" : " ") + one;
  return text;
}

/// What is wrong with it.
std::string judge(const Shape& shape, World& world, Scheduler& scheduler, Stage& stage,
                  Report& report) {
  Results results{};
  std::set<std::string> seen;
  Scene scene{shape.name, "", {}, {}, {}};
  for (std::size_t i = 0; i < shape.threads.size(); ++i) {
    scene.parts.push_back(part_of(shape, i, results));
  }
  scene.verdict = [&] {
    Table table = table_of(0, results);
    if (shape.finally) shape.finally(table);
    seen.insert(text_of(results, shape.values.size()));
    results = {};
    return std::string();
  };
  report = Explorer(world, scheduler, stage, scene)
               .systematic(shape.threads.size() < 4 ? enough : enough_of_four);
  if (shape.race) return report.found ? "" : "no race was found";
  if (report.found) return report.failure + "; plan \"" + to_string(*report.found) + '"';
  const auto expected = expected_of(shape);
  return seen == expected ? "" : "allowed " + join(expected) + ", seen " + join(seen);
}

}  // namespace

int run(World& world, Scheduler& scheduler, Stage& stage) {
  int result = 0;
  scheduler.weak(true);
  for (const Shape& shape : shapes()) {
    Report report;
    const std::string wrong = judge(shape, world, scheduler, stage, report);
    std::printf("%-36s %7llu executions  %s\n", shape.name.c_str(),
                static_cast<unsigned long long>(report.executions),
                wrong.empty() ? "as the model says" : wrong.c_str());
    if (!wrong.empty()) result = 1;
  }
  return result;
}

}  // namespace shmbus::schedule::litmus
