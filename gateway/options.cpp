#include "gateway/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <shmbus/version.hpp>
#include <vector>

#include "common/command_line.hpp"
#include "common/escape.hpp"
#include "common/options.hpp"
#include "shmbus/name.hpp"

namespace shmbus::gateway {
namespace {

constexpr const char* epilogue =
    "Exit codes: 0 stopped by SIGTERM or SIGINT, or --check found nothing wrong; 1 failed; 2 "
    "usage.\n"
    "SIGHUP reads the --config file anew. SHMBUS_BUS stands for --bus. See docs/gateway.md.";

void set_level(program::Level& target, const std::string& text) {
  const auto level = program::level_from(text);
  if (!level) {
    refuse_option("--log-level takes error, warning, info or debug, not '" +
                  escape::terminal(text) + "'");
  }
  target = *level;
}

void describe(CLI::App& app, Options& options) {
  app.set_version_flag("--version", std::string(SHMBUS_VERSION));
  app.footer(epilogue);
  auto* config =
      app.add_option("--config", options.config, "read bus, listeners, principals and limits here")
          ->type_name("FILE");
  app.add_flag("--mcp", options.mcp,
               "serve one client of MCP at standard input and output, instead of HTTP");
  app.add_option("--as", options.principal,
                 "with --mcp and --config: the principal whose rights the client has")
      ->type_name("NAME")
      ->needs(config);
  app.add_flag("--check", options.check, "say what is wrong with the configuration, and end");
  app.add_flag("--new-token", options.new_token, "print a new token and its hash, and end");
  app.add_option("--bus", options.bus, "name, or path of its file (with a '/')")
      ->envname("SHMBUS_BUS")
      ->type_name("NAME|PATH")
      ->capture_default_str();
  app.add_option("--listen", options.listen,
                 "listen at ADDRESS:PORT of this machine alone, or unix:PATH; repeatable")
      ->type_name("ADDRESS")
      ->excludes(config);
  app.add_option("--allow", options.allow,
                 "let every client that reaches it use names of this pattern, like 'user.*'; "
                 "repeatable; '*' "
                 "lets them inspect the bus too")
      ->type_name("PATTERN")
      ->excludes(config);
  app.add_option_function<std::string>(
      "--log-level", [&](const std::string& text) { set_level(options.log_level, text); },
      "error, warning, info (default) or debug");
}

}  // namespace

std::optional<Config> config_of(const Options& options, ConfigProblems& problems) {
  constexpr std::string_view unix_prefix = "unix:";
  Config config;
  config.bus = options.bus;
  for (const auto& address : options.listen) {
    ListenerConfig listener;
    const bool local = address.starts_with(unix_prefix);
    listener.kind = local ? ListenerConfig::Kind::unix_socket : ListenerConfig::Kind::tcp;
    listener.address = local ? address.substr(unix_prefix.size()) : address;
    if (!local && !why_not_plain(address).empty()) {
      problems.lines.push_back(
          "--listen takes an address that only this machine reaches, like "
          "127.0.0.1:8080; a file given by --config may say more");
    }
    config.listeners.push_back(std::move(listener));
  }
  if (config.listeners.empty() && !options.mcp) {
    problems.lines.emplace_back("nowhere to listen: give --listen ADDRESS, or --config FILE");
  }
  PrincipalConfig principal;
  principal.name = anybody;
  principal.anonymous = true;
  for (const auto& pattern : options.allow) {
    if (const auto why = why_no_name(pattern); !why.empty()) {
      problems.lines.push_back(fmt::format("--allow takes a pattern of names: {}", why));
    }
  }
  principal.call = principal.send = principal.events = options.allow;
  principal.inspect = std::any_of(options.allow.begin(), options.allow.end(),
                                  [](const auto& pattern) { return pattern == "*"; });
  config.principals.push_back(std::move(principal));
  if (!problems.lines.empty()) return std::nullopt;
  return config;
}

Parsed parse_command_line(int argc, const char* const* argv) {
  Parsed parsed;
  CLI::App app{"Lets HTTP clients call commands and read events of a shmbus.", "shmbus-gateway"};
  describe(app, parsed.options);
  parsed.exit = parse_for_program(app, argc, argv);
  return parsed;
}

}  // namespace shmbus::gateway
