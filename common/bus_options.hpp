// How a bus is made, as options of a command line: one list, with the same spellings for the daemon
// and the tool.
#pragma once

#include <CLI/CLI.hpp>

#include "shmbus/options.hpp"

namespace shmbus {

/// --names 1000 --extent-bytes 1M ...
void add_capacity_options(CLI::App& app, Capacities& capacities);
/// --user-lanes 16 ...: how much of it one user may hold.
void add_quota_options(CLI::App& app, Quotas& quotas);
/// Both, with --mode, --group and --default-timeout: all that is fixed when a bus is created.
void add_creation_options(CLI::App& app, OpenOptions& open);

/// Whether any was given.
[[nodiscard]] bool any_given(const Capacities& capacities) noexcept;
[[nodiscard]] bool any_given(const Quotas& quotas) noexcept;

}  // namespace shmbus
