// What a command line says before anything is run: where it has come to in the tree of commands,
// for completion, and which word of it makes no sense, with a word that would.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus {

struct CommandLine {
  const CLI::App* command = nullptr;     ///< the innermost that was named
  std::size_t positionals = 0;           ///< words for the command itself so far
  const CLI::Option* expects = nullptr;  ///< takes the next word as its value
  bool only_positionals = false;         ///< "--" was given
  std::string bus;                       ///< the value of --bus, if any

  std::string unknown_command;  ///< the first word that stands where a command is expected
  std::string unknown_option;   ///< the first option that neither the command nor its parents have
};

/// REQUIRES: `words` without the program.
CommandLine read_command_line(const CLI::App& app, std::span<const std::string> words);

/// The options that may be given at a command: its own, then those of its parents.
std::vector<const CLI::Option*> options_at(const CLI::App& command);
/// Those with a name, but for hidden ones, in the order of the table.
std::vector<const CLI::App*> visible_commands(const CLI::App& app);

/// nullptr when there is none of that name.
const CLI::App* command_named(const CLI::App& app, const std::string& name);

/// The word among `known` that `typed` was probably meant to be; empty when none is close.
std::string closest(std::string_view typed, std::span<const std::string> known);

/// "no command 'lss'; did you mean 'ls'?", or the same for an option; empty when there is nothing
/// to say. What was typed is shown as escape::terminal() has it.
std::string what_makes_no_sense(const CommandLine& line);

/// Parses the command line of a program without subcommands. Nothing when it is to run; else the
/// exit code, after help or version was printed (0, or 1 when it could not be), or what makes no
/// sense was said on standard error (2).
std::optional<int> parse_for_program(CLI::App& app, int argc, const char* const* argv);

}  // namespace shmbus
