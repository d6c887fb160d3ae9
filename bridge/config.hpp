// What a bridge is configured with: its bus, the engine, what may cross in which direction, limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bridge/engine.hpp"
#include "shmbus/options.hpp"

namespace shmbus::bridge {

/// Names that may cross. Nothing else does.
struct Allowed {
  std::vector<std::string> out;  ///< commands of this bus that others may call
  std::vector<std::string> in;   ///< commands of others that are offered here
};

struct Limits {
  std::uint32_t calls = 1024;                     ///< under way, in each direction
  std::size_t payload = std::size_t{16} << 20U;   ///< of one request or reply
  std::size_t in_parts = std::size_t{64} << 20U;  ///< of all that are on their way in parts
  Duration call_time{std::chrono::seconds(5)};    ///< of a call that names no limit
  Duration call_time_max{std::chrono::minutes(5)};
  std::uint32_t labels = 8;  ///< of remote callers, each a participant of the bus
};

struct Config {
  std::string bus;
  std::string machine;  ///< how others see this bus; the host's name by default
  std::string prefix = "shmbus";
  std::int64_t trust = trust_own_and_root;
  EngineConfig engine;
  Allowed allow;
  Limits limits;
};

/// All that is wrong, a line for each.
using Problems = std::vector<std::string>;
std::optional<Config> read_config(const std::string& path, Problems& problems);
std::optional<Config> parse_config(const std::string& text, const std::string& source,
                                   Problems& problems);
/// What every configuration must hold, and the defaults that depend on the machine.
void complete(Config& config, Problems& problems);

}  // namespace shmbus::bridge
