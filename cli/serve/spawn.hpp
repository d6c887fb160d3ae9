// Starting a program in a process group of its own, with pipes for its standard streams.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "cli/serve/descriptors.hpp"
#include "cli/serve/program.hpp"

namespace shmbus::cli::serve {

struct Spawned {
  pid_t pid = -1;
  Descriptor in;  ///< its standard input; none of the three blocks
  Descriptor out;
  Descriptor err;
  int error = 0;  ///< errno, when there is no process
};

/// The program is killed when the calling thread ends.
Spawned spawn(const CommandLine& line, const std::vector<std::string>& environment);

}  // namespace shmbus::cli::serve
