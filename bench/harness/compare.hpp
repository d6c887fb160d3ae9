#pragma once
// Which figures changed since an older run. A difference counts when a Mann-Whitney U test over the
// rounds of both runs gives p < 0.05. On a shared host absolute figures drift with the machine, so
// the ratio to the reference, measured beside it, is tested as well and is the one to trust.

#include <string>
#include <vector>

#include "harness/report_json.hpp"
#include "harness/summary.hpp"

namespace shmbus::bench {

[[nodiscard]] std::string compare_text(const std::vector<OldFigure>& old,
                                       const std::vector<Figure>& figures);

}  // namespace shmbus::bench
