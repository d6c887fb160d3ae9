// The command line of shmbus-spool.
#pragma once

#include <optional>
#include <string>

#include "common/log.hpp"

namespace shmbus::spool {

namespace exit_code {
inline constexpr int stopped = 0;
inline constexpr int failed = 1;
inline constexpr int usage = 2;
inline constexpr int damaged = 3;  ///< the file; nothing is gained by starting again
}  // namespace exit_code

struct Options {
  std::string config;
  std::string bus;
  std::string file;
  std::string metrics;
  program::Level log_level = program::Level::info;
  bool check = false;
  bool repair = false;
};

struct Parsed {
  Options options;
  std::optional<int> exit;  ///< nothing is to be run
};
Parsed parse_command_line(int argc, const char* const* argv);

}  // namespace shmbus::spool
