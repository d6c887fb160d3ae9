// The frame around the commands: global options, parsing, errors, exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "shmbus/options.hpp"

namespace shmbus::cli {

/// What every command gets.
struct Context {
  std::string bus = "default";
  std::int64_t trust = trust_own_and_root;  ///< OpenOptions::trust, for commands that join
  bool json = false;
  int exit_code = 0;
};

/// Adds one command to the tool.
using AddCommand = void (*)(CLI::App& app, Context& context);

/// A subcommand that takes the global options on either side of its name, and runs `body`, whose
/// result is the exit code.
CLI::App& add_command(CLI::App& app, Context& context, const std::string& name,
                      const std::string& description, std::function<int()> body);

std::unique_ptr<CLI::App> make_app(Context& context, std::span<const AddCommand> commands);

int run(int argc, char** argv, std::span<const AddCommand> commands);

}  // namespace shmbus::cli
