// The command line of shmbus-gateway.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/log.hpp"
#include "gateway/config.hpp"

namespace shmbus::gateway {

namespace exit_code {
inline constexpr int stopped = 0;
inline constexpr int failed = 1;
inline constexpr int usage = 2;
}  // namespace exit_code

struct Options {
  std::string config;  ///< a file; empty: what the other options say
  std::string bus = "default";
  std::vector<std::string> listen;
  std::vector<std::string> allow;
  program::Level log_level = program::Level::info;
  std::string principal;  ///< of the configuration, whose rights the client of --mcp has
  bool mcp = false;
  bool check = false;
  bool new_token = false;
};

struct Parsed {
  Options options;
  std::optional<int> exit;  ///< nothing is to be run
};
Parsed parse_command_line(int argc, const char* const* argv);

/// The principal of --allow.
inline constexpr const char* anybody = "anybody";
/// Of --bus, --listen and --allow: every client that reaches the address may use the names that are
/// allowed.
std::optional<Config> config_of(const Options& options, ConfigProblems& problems);

}  // namespace shmbus::gateway
