// Shell completions, made from the tree of commands that the parser itself uses.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace shmbus::cli {

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace shmbus::cli
