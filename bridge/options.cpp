#include "bridge/options.hpp"

#include <CLI/CLI.hpp>
#include <shmbus/version.hpp>

#include "common/command_line.hpp"
#include "common/escape.hpp"
#include "common/options.hpp"

namespace shmbus::bridge {
namespace {

constexpr const char* epilogue =
    "Exit codes: 0 stopped by SIGTERM or SIGINT, or --check found nothing wrong; 1 failed; 2 "
    "usage.\n"
    "SHMBUS_BUS stands for --bus. See docs/fleet.md.";

}  // namespace

Parsed parse_command_line(int argc, const char* const* argv) {
  Parsed parsed;
  auto& options = parsed.options;
  auto& config = options.config;
  config.bus = "default";
  CLI::App app{"Carries commands of a shmbus to and from other machines, over NATS.",
               "shmbus-bridge"};
  app.set_version_flag("--version", std::string(SHMBUS_VERSION));
  app.footer(epilogue);
  auto* file =
      app.add_option("--config", options.config_file, "read everything else from this file")
          ->type_name("FILE");
  app.add_flag("--check", options.check, "say what is wrong with the configuration, and end");
  app.add_option("--bus", config.bus, "name, or path of its file (with a '/')")
      ->envname("SHMBUS_BUS")
      ->type_name("NAME|PATH")
      ->capture_default_str();
  const auto add = [&](const char* flag, std::vector<std::string>& target, const char* meaning,
                       const char* type) {
    app.add_option(flag, target, meaning)->type_name(type)->excludes(file);
  };
  add("--server", config.engine.servers, "a server of the engine, nats://HOST:PORT; repeatable",
      "URL");
  add("--export", config.allow.out, "let other machines call commands of this pattern; repeatable",
      "PATTERN");
  add("--import", config.allow.in, "offer commands of other machines here; repeatable", "PATTERN");
  app.add_option("--machine", config.machine,
                 "how other machines see this bus; else the host's name")
      ->type_name("NAME")
      ->excludes(file);
  app.add_option("--prefix", config.prefix, "of all subjects; one for each fleet")
      ->type_name("WORD")
      ->capture_default_str()
      ->excludes(file);
  app.add_option_function<std::string>(
      "--log-level",
      [&](const std::string& text) {
        const auto level = program::level_from(text);
        if (!level) {
          refuse_option("--log-level takes error, warning, info or debug, not '" +
                        escape::terminal(text) + "'");
        }
        options.log_level = *level;
      },
      "error, warning, info (default) or debug");
  parsed.exit = parse_for_program(app, argc, argv);
  return parsed;
}

}  // namespace shmbus::bridge
