// The capacities of a bus as options of a command: --names 1000 --extent-bytes 1M ...
#pragma once

#include <CLI/CLI.hpp>

#include "shmbus/options.hpp"

namespace shmbus::cli {

void add_capacity_options(CLI::App& command, Capacities& capacities);

/// --user-lanes 16 ...: how much of it one user may hold.
void add_quota_options(CLI::App& command, Quotas& quotas);

/// Whether any was given.
[[nodiscard]] bool any_given(const Capacities& capacities) noexcept;
[[nodiscard]] bool any_given(const Quotas& quotas) noexcept;

}  // namespace shmbus::cli
