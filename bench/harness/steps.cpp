#include "harness/steps.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

namespace shmbus::bench {
namespace {

constexpr std::size_t kInCellsMax = 96;
constexpr double kLimitInCells = 0.15;
constexpr double kLimitBeyond = 0.25;
constexpr std::string_view kMark = ".size.";

}  // namespace

std::vector<Step> steps_of(const std::vector<Figure>& figures) {
  std::map<std::string, std::vector<const Figure*>> series;
  for (const Figure& figure : figures) {
    const std::size_t mark = figure.name.find(kMark);
    if (mark != std::string::npos && figure.rate() > 0) {
      series[figure.name.substr(0, mark + kMark.size() - 1)].push_back(&figure);
    }
  }
  std::vector<Step> steps;
  for (auto& [name, members] : series) {
    std::sort(members.begin(), members.end(),
              [](const Figure* a, const Figure* b) { return a->payload < b->payload; });
    for (std::size_t i = 1; i < members.size(); ++i) {
      const Figure& below = *members[i - 1];
      const Figure& here = *members[i];
      if (below.placement != here.placement) {
        continue;
      }
      steps.push_back({name, below.payload, here.payload, below.rate() / here.rate() - 1,
                       here.payload <= kInCellsMax ? kLimitInCells : kLimitBeyond});
    }
  }
  return steps;
}

std::string steps_text(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    std::array<char, 128> line{};
    std::snprintf(line.data(), line.size(), "%-14s %5zu to %5zu B  %+6.1f %%  %s\n",
                  step.series.c_str(), step.from, step.to, 100 * step.rise,
                  step.is_step() ? "a step" : "");
    text += line.data();
  }
  return text;
}

}  // namespace shmbus::bench
