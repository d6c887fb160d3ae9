#pragma once
// The figures as JSON, a list with one object per figure:
//   {"name","payload","mode","unit","p50","p90","p99","p999","p9999","max","rate","ratio",
//    "ratio_to","ratio_p99","spread","rounds","placement","quiet","value","samples",
//    "ratio_samples","status","machine","kernel","compiler","commit"}
// What a figure does not have is null. samples and ratio_samples hold every round, for --compare.

#include <string>
#include <vector>

#include "harness/machine.hpp"
#include "harness/summary.hpp"

namespace shmbus::bench {

[[nodiscard]] std::string figures_json(const Machine& machine, const std::vector<Figure>& figures);

/// What --compare needs of a file written by figures_json.
struct OldFigure {
  std::string name;
  std::string placement;
  double value = 0;
  double ratio = 0;
  std::vector<double> samples;
  std::vector<double> ratio_samples;
};

/// Throws std::runtime_error when the file cannot be read or is not such a list.
[[nodiscard]] std::vector<OldFigure> read_figures_json(const std::string& path);

}  // namespace shmbus::bench
