// The command line of shmbus-bridge.
#pragma once

#include <optional>
#include <string>

#include "bridge/config.hpp"
#include "common/log.hpp"

namespace shmbus::bridge {

namespace exit_code {
inline constexpr int stopped = 0;
inline constexpr int failed = 1;
inline constexpr int usage = 2;
}  // namespace exit_code

struct Options {
  std::string config_file;
  Config config;  ///< of the other options
  program::Level log_level = program::Level::info;
  bool check = false;
};
struct Parsed {
  Options options;
  std::optional<int> exit;  ///< nothing is to be run
};
Parsed parse_command_line(int argc, const char* const* argv);

}  // namespace shmbus::bridge
