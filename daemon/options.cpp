#include "daemon/options.hpp"

#include <CLI/CLI.hpp>
#include <shmbus/version.hpp>
#include <vector>

#include "common/bus_options.hpp"
#include "common/command_line.hpp"
#include "common/escape.hpp"
#include "common/options.hpp"
#include "common/units.hpp"
#include "daemon/program.hpp"
#include "inspect/trust_text.hpp"

namespace shmbus::daemon {
namespace {

constexpr const char* epilogue =
    "Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failed, 2 usage, 3 another shmbusd runs on this "
    "bus\n"
    "already, 4 the bus was removed. Capacities, quotas, --mode, --group and "
    "--default-timeout\n"
    "matter only for a bus that does not exist yet. SHMBUS_BUS, SHMBUS_METRICS and SHMBUS_OTLP "
    "stand "
    "for\n"
    "the options of these names.";

void set_trust(OpenOptions& open, const std::string& text) {
  const auto trust = inspect::trust_from(text);
  if (!trust) throw CLI::ValidationError("--trust", "there is no user " + text);
  open.trust = *trust;
}

void set_level(Level& target, const std::string& text) {
  const auto level = level_from(text);
  if (!level) {
    refuse_option("--log-level takes error, warning, info or debug, not '" +
                  escape::terminal(text) + "'");
  }
  target = *level;
}

void set_interval(Nanos& target, const std::string& text) {
  const auto interval = parse_duration(text);
  constexpr auto least = std::chrono::milliseconds(10);
  constexpr auto most = std::chrono::hours(1);
  if (!interval || *interval < least || *interval > most) {
    refuse_option("--interval takes a duration from 10ms to 1h, not '" + escape::terminal(text) +
                  "'");
  }
  target = static_cast<Nanos>(interval->count());
}

void describe(CLI::App& app, Options& options) {
  app.set_version_flag("--version", std::string(SHMBUS_VERSION));
  app.footer(epilogue);
  app.add_option("--bus", options.bus, "name, or path of its file (with a '/')")
      ->envname("SHMBUS_BUS")
      ->type_name("NAME|PATH")
      ->capture_default_str();
  app.add_flag("--create,!--no-create", options.open.create,
               "make the bus if there is none (default)");
  app.add_option_function<std::string>(
      "--trust", [&](const std::string& text) { set_trust(options.open, text); },
      "also join the bus of this user: own (default), anybody, a name or uid");
  app.add_option_function<std::string>(
         "--interval", [&](const std::string& text) { set_interval(options.statistics, text); },
         "pause between two passes of statistics (1s)")
      ->type_name("DURATION");
  app.add_option_function<std::string>(
      "--log-level", [&](const std::string& text) { set_level(options.log_level, text); },
      "error, warning, info (default) or debug");
  app.add_option("--metrics", options.metrics,
                 "serve the counters to Prometheus at ADDRESS:PORT or unix:PATH")
      ->envname("SHMBUS_METRICS");
  app.add_option("--otlp", options.otlp,
                 "hand spans to the collector at http://HOST:PORT/v1/traces (OTLP in JSON)")
      ->envname("SHMBUS_OTLP");
  add_creation_options(app, options.open);
}

}  // namespace

Parsed parse_command_line(int argc, const char* const* argv) {
  Parsed parsed;
  CLI::App app{
      "Supervises one shmbus: notices deaths at once, reclaims what the dead held, "
      "publishes counters.",
      "shmbusd"};
  describe(app, parsed.options);
  parsed.exit = parse_for_program(app, argc, argv);
  return parsed;
}

}  // namespace shmbus::daemon
