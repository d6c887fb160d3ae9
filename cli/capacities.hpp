// The capacities of a bus as options of a command: --names 1000 --extent-bytes 1M ...
#pragma once

#include <CLI/CLI.hpp>

#include "shmbus/options.hpp"

namespace shmbus::cli {

void add_capacity_options(CLI::App& command, Capacities& capacities);

/// Whether any was given.
[[nodiscard]] bool any_given(const Capacities& capacities) noexcept;

}  // namespace shmbus::cli
