// Runs a program as a user's shell would, and keeps what it printed.
#pragma once

#include <string>
#include <vector>

namespace shmbus::test {

struct Ran {
  int code = -1;  ///< exit code; -1 when a signal ended it
  std::string out;
  std::string err;
};

/// `input` becomes its standard input. SHMBUS_BUS is removed from its environment.
Ran run_program(const std::vector<std::string>& arguments, const std::string& input = {});

/// The command line tool of this build.
Ran run_tool(std::vector<std::string> arguments, const std::string& input = {});

std::string read_whole_file(const std::string& path);

}  // namespace shmbus::test
