// The help: commands in groups, with examples.
#pragma once

#include "cli/app.hpp"

namespace shmbus::cli {

/// Puts each command into its group and gives it its examples. REQUIRES: all commands were added.
void arrange_help(CLI::App& app);

/// shmbus help [COMMAND...]: the same as --help there.
void add_help(CLI::App& app, Context& context);

}  // namespace shmbus::cli
