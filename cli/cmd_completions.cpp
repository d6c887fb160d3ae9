// shmbus completions SHELL: prints the completion script for a shell.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/completions.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "common/options.hpp"
#include "common/units.hpp"

namespace shmbus::cli {
namespace {

int run_completions(const Context& context, const std::string& shell) {
  const auto& all = completion_scripts;
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const CompletionScript& one) { return one.shell == shell; });
  if (context.json) {
    print_json({{"shell", shell}, {"script", found->text}});
  } else {
    fmt::print("{}", found->text);
  }
  return exit_ok;
}

}  // namespace

void add_completions(CLI::App& app, Context& context) {
  const auto shell = std::make_shared<std::string>();
  auto& command =
      add_command(app, context, "completions", "Print the completion script for a shell",
                  [&context, shell] { return run_completions(context, *shell); });
  add_choice(command, "SHELL", *shell, "bash, zsh or fish", {"bash", "zsh", "fish"})->required();
}

}  // namespace shmbus::cli
