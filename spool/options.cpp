#include "spool/options.hpp"

#include <CLI/CLI.hpp>
#include <shmbus/version.hpp>

#include "common/command_line.hpp"
#include "common/escape.hpp"
#include "common/options.hpp"

namespace shmbus::spool {
namespace {

constexpr const char* epilogue =
    "Exit codes: 0 stopped by SIGTERM or SIGINT, or --check found nothing wrong; 1 failed; 2 "
    "usage; 3 the file is damaged.\n"
    "SIGHUP reads the --config file anew. SHMBUS_BUS stands for --bus. See docs/spool.md.";

void set_level(program::Level& target, const std::string& text) {
  const auto level = program::level_from(text);
  if (!level) {
    refuse_option("--log-level takes error, warning, info or debug, not '" +
                  escape::terminal(text) + "'");
  }
  target = *level;
}

}  // namespace

Parsed parse_command_line(int argc, const char* const* argv) {
  Parsed parsed;
  Options& options = parsed.options;
  CLI::App app{"Keeps durable commands of a shmbus on the disk and delivers them.", "shmbus-spool"};
  app.set_version_flag("--version", std::string(SHMBUS_VERSION));
  app.footer(epilogue);
  app.add_option("--config", options.config, "read bus, file, limits and rules here")
      ->type_name("FILE");
  app.add_option("--bus", options.bus, "name, or path of its file (with a '/')")
      ->envname("SHMBUS_BUS")
      ->type_name("NAME|PATH");
  app.add_option("--file", options.file, "the spool's file; made if it is missing")
      ->type_name("FILE");
  app.add_option("--metrics", options.metrics, "serve metrics at ADDRESS:PORT or unix:PATH")
      ->type_name("ADDRESS");
  app.add_flag("--check", options.check, "say what is wrong with the configuration, and end");
  app.add_flag("--repair", options.repair,
               "copy what is sound of a damaged file into a new one, and end");
  app.add_option_function<std::string>(
      "--log-level", [&](const std::string& text) { set_level(options.log_level, text); },
      "error, warning, info (default) or debug");
  parsed.exit = parse_for_program(app, argc, argv);
  return parsed;
}

}  // namespace shmbus::spool
