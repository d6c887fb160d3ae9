// A name whose handler is a program: what each command becomes of the program's end, and of the
// limits that it ran into.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/serve/program.hpp"
#include "codec/type.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli::serve {

/// Codes of refusals that are not the program's own, as timeout(1) and shells have them.
namespace codes {
inline constexpr int time_limit = 124;
inline constexpr int output = 125;  ///< too much of it, or not of the type
inline constexpr int not_started = 126;
}  // namespace codes

class ServedName {
 public:
  struct Settings {
    std::string name;
    std::string bus;
    CommandLine line;
    Limits limits;
    Duration time_limit = forever;
    std::optional<codec::CommandTypes> types;  ///< none: bytes
    int leaving = -1;                          ///< readable once the programs that run are to end
  };
  explicit ServedName(Settings settings) : settings_(std::move(settings)) {}

  /// Any thread, several at a time.
  Status run(shmbus::Context& context) const;

 private:
  [[nodiscard]] std::vector<std::string> environment(const shmbus::Context& context) const;
  [[nodiscard]] std::optional<Clock::time_point> until(const shmbus::Context& context) const;
  Status refuse(const Outcome& outcome) const;
  Status answer(shmbus::Context& context, const std::string& output) const;

  Settings settings_;
};

}  // namespace shmbus::cli::serve
