// A plug-in on trial: loaded, started, probed and stopped in a process of its own, from the same
// bytes that would serve. What crashes, hangs or refuses there never comes near the host.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/host/image.hpp"
#include "shmbus/schema.hpp"

namespace shmbus::cli::host {

struct TrialCommand {
  std::string name;
  std::string schema;
};

struct TrialReport {
  std::string name;
  std::string version;
  std::vector<TrialCommand> commands;
};

/// PluginError with what happened: it failed, a signal ended it, or it took longer than `limit`.
TrialReport run_trial(const Image& image, std::chrono::milliseconds limit);

/// The other side: what `shmbus plugin-trial` does. Never returns.
[[noreturn]] void be_on_trial();

}  // namespace shmbus::cli::host
