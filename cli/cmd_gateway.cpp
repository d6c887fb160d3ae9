// shmbus gateway, shmbus mcp: the program shmbus-gateway, which has what these need and the tool
// has not (TLS, a loop for many clients), in the place of this one.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"

namespace shmbus::cli {
namespace {

constexpr const char* program = "shmbus-gateway";

struct Options {
  std::vector<std::string> allow;
  std::vector<std::string> listen;
  std::string config;
  std::string principal;
};

/// Beside this program, else wherever PATH leads.
std::string program_path() {
  std::error_code none;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", none);
  const auto beside = self.parent_path() / program;
  return !none && ::access(beside.c_str(), X_OK) == 0 ? beside.string() : program;
}

int become_gateway(const Context& context, const Options& options, bool mcp) {
  std::vector<std::string> words{program};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {option, value});
  };
  if (mcp) words.emplace_back("--mcp");
  add("--bus", context.bus);
  add("--config", options.config);
  add("--as", options.principal);
  for (const auto& one : options.listen) add("--listen", one);
  for (const auto& one : options.allow) add("--allow", one);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(program_path().c_str(), arguments.data());
  throw Failure(
      ErrorKind::invalid_argument,
      std::string("cannot start shmbus-gateway, which this needs: ") + std::strerror(errno));
}

void add_common(CLI::App& command, Options& options) {
  auto* config =
      command.add_option("--config", options.config, "Read the rights of clients from this file")
          ->type_name("FILE");
  command
      .add_option("--allow", options.allow,
                  "Let clients use names of this pattern, like 'user.*'; repeatable")
      ->type_name("PATTERN")
      ->excludes(config);
}

}  // namespace

void add_gateway(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  auto& command =
      add_command(app, context, "gateway", "Let HTTP clients call commands; runs shmbus-gateway",
                  [&context, options] { return become_gateway(context, *options, false); });
  add_common(command, *options);
  command
      .add_option("--listen", options->listen,
                  "Listen at ADDRESS:PORT of this machine, or unix:PATH; repeatable")
      ->type_name("ADDRESS");
}

void add_mcp(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  auto& command = add_command(
      app, context, "mcp", "Offer commands as tools to an agent (MCP) at standard input and output",
      [&context, options] { return become_gateway(context, *options, true); });
  add_common(command, *options);
  command.add_option("--as", options->principal, "The principal of the file that the agent is")
      ->type_name("NAME");
}

}  // namespace shmbus::cli
