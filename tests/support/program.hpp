// A program that runs beside the test, until it ends by itself or the test does.
#pragma once

#include <string>
#include <vector>

#include "support/child.hpp"

namespace shmbus::test {

/// Where its output goes; empty: where that of the test goes.
struct Output {
  std::string out;
  std::string err;
};

/// The first word is the path of the program. Its exit code is 127 when it cannot be started.
Child start_program(std::vector<std::string> words, const Output& output);

}  // namespace shmbus::test
