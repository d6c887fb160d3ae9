// The published litmus shapes, run by the scheduler on words of its segment: exactly the outcomes
// that the memory model allows must come up. What weak_memory.hpp claims is judged by them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "schedule/stage.hpp"

namespace shmbus::schedule::litmus {

inline constexpr std::size_t results_max = 4;
using Results = std::array<std::uint64_t, results_max>;

/// What the threads of a shape work on: three words, one line of plain data, and what they read.
struct Table {
  layout::Word64& x;
  layout::Word64& y;
  layout::Word64& d;
  layout::Word32& count;
  Results& r;
};

struct Shape {
  std::string name;
  std::vector<std::function<void(Table&)>> threads;
  /// How many results there are, in which values each may come.
  std::vector<std::vector<std::uint64_t>> values;
  std::function<bool(const Results&)> allowed;
  /// Looks at the words when all have ended.
  std::function<void(Table&)> finally;
  bool race = false;  ///< one has to be found
  bool first_dies = false;
};

const std::vector<Shape>& shapes();

/// 0 when each gives what it should; prints a line for each.
int run(World& world, Scheduler& scheduler, Stage& stage);

}  // namespace shmbus::schedule::litmus
