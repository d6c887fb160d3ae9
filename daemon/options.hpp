// The command line of shmbusd.
#pragma once

#include <optional>
#include <string>

#include "daemon/messages.hpp"
#include "shmbus/options.hpp"

namespace shmbus::daemon {

struct Options {
  std::string bus = "default";
  OpenOptions open;
  Nanos statistics = second;
  Level log_level = Level::info;
  std::string metrics;  ///< where scrapers find the counters; empty: nowhere
  std::string otlp;     ///< the collector that spans are handed to; empty: none
};

namespace exit_code {
inline constexpr int stopped = 0;
inline constexpr int failed = 1;
inline constexpr int usage = 2;
inline constexpr int another_daemon = 3;
inline constexpr int bus_removed = 4;
}  // namespace exit_code

/// Options, or the exit code after help, the version or a complaint was printed.
struct Parsed {
  Options options;
  std::optional<int> exit;
};
Parsed parse_command_line(int argc, const char* const* argv);

}  // namespace shmbus::daemon
