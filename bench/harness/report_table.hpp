#pragma once
// The figures as an aligned table for people.

#include <string>
#include <vector>

#include "harness/machine.hpp"
#include "harness/summary.hpp"

namespace shmbus::bench {

[[nodiscard]] std::string machine_text(const Machine& machine, const Run& run);
[[nodiscard]] std::string figures_table(const std::vector<Figure>& figures);

/// 1234567 as "1.23 M", 0.5 as "0.500"; four significant characters.
[[nodiscard]] std::string short_number(double value);
/// 1234.5 as "1.23 us".
[[nodiscard]] std::string short_time(double ns);

}  // namespace shmbus::bench
