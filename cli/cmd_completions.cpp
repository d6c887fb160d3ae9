// shmbus completions SHELL: prints the completion script for a shell.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/completions.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"

namespace shmbus::cli {
namespace {

std::string completion_for(const std::string& shell, const CLI::App& app) {
  if (shell == "bash") return bash_completion(app);
  if (shell == "zsh") return zsh_completion(app);
  return fish_completion(app);
}

}  // namespace

void add_completions(CLI::App& app, Context& context) {
  const auto shell = std::make_shared<std::string>();
  auto& command = add_command(app, context, "completions",
                              "Print the completion script for a shell", [&app, &context, shell] {
                                const std::string script = completion_for(*shell, app);
                                if (context.json) {
                                  print_json({{"shell", *shell}, {"script", script}});
                                } else {
                                  fmt::print("{}", script);
                                }
                                return exit_ok;
                              });
  command.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace shmbus::cli
