#include "harness/compare.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "harness/statistics.hpp"

namespace shmbus::bench {
namespace {

constexpr double kSignificant = 0.05;

// "+3.1 % (p=0.012)", or "~ (p=0.4)" for no significant change.
std::string change_text(double old_value, double new_value, const std::vector<double>& old_samples,
                        const std::vector<double>& new_samples) {
  if (old_samples.empty() || new_samples.empty() || old_value <= 0) {
    return "-";
  }
  const double p = mann_whitney_p(old_samples, new_samples);
  std::array<char, 64> text{};
  if (p < kSignificant) {
    const double percent = 100 * (new_value / old_value - 1);
    std::snprintf(text.data(), text.size(), "%+.1f %% (p=%.3f)", percent, p);
  } else {
    std::snprintf(text.data(), text.size(), "~ (p=%.3f)", p);
  }
  return text.data();
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text + "  ";
}

}  // namespace

std::string compare_text(const std::vector<OldFigure>& old, const std::vector<Figure>& figures) {
  std::string text = padded("name", 32) + padded("figure", 22) + padded("ratio", 22) + "samples\n";
  for (const Figure& figure : figures) {
    const auto before = std::find_if(old.begin(), old.end(), [&](const OldFigure& candidate) {
      return candidate.name == figure.name;
    });
    if (figure.samples.empty()) {
      continue;
    }
    text += padded(figure.name, 32);
    if (before == old.end() || before->samples.empty()) {
      text += "new\n";
      continue;
    }
    if (before->placement != figure.placement) {
      text +=
          "not comparable: placement was " + before->placement + ", is " + figure.placement + "\n";
      continue;
    }
    text += padded(change_text(before->value, figure.value, before->samples, figure.samples), 22);
    text += padded(
        change_text(before->ratio, figure.ratio, before->ratio_samples, figure.ratio_samples), 22);
    text += std::to_string(before->samples.size()) + "+" + std::to_string(figure.samples.size());
    text += "\n";
  }
  return text;
}

}  // namespace shmbus::bench
