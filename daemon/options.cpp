#include "daemon/options.hpp"

#include <grp.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <shmbus/version.hpp>

#include "daemon/log.hpp"
#include "inspect/trust_text.hpp"

namespace shmbus::daemon {
namespace {

constexpr const char* epilogue =
    "Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failed, 2 usage, 3 another shmbusd has this "
    "bus\n"
    "in its care, 4 the bus was removed. Capacities, --mode and --group matter only for a bus "
    "that\n"
    "does not exist yet.";

template <class Number>
std::optional<Number> number(const std::string& text, int base) noexcept {
  Number value{};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value, base);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

void set_mode(OpenOptions& open, const std::string& text) {
  const auto mode = number<std::uint32_t>(text, 8);
  if (!mode || *mode > 0777) throw CLI::ValidationError("--mode", "an octal mode, such as 0660");
  open.mode = *mode;
}

void set_group(OpenOptions& open, const std::string& text) {
  if (const auto gid = number<std::uint32_t>(text, 10)) {
    open.group = *gid;
  } else if (const ::group* entry = ::getgrnam(text.c_str())) {
    open.group = entry->gr_gid;
  } else {
    throw CLI::ValidationError("--group", "there is no group " + text);
  }
}

void set_trust(OpenOptions& open, const std::string& text) {
  const auto trust = inspect::trust_from(text);
  if (!trust) throw CLI::ValidationError("--trust", "there is no user " + text);
  open.trust = *trust;
}

void set_level(Level& target, const std::string& text) {
  const auto level = level_from(text);
  if (!level) throw CLI::ValidationError("--log-level", "error, warning, info or debug");
  target = *level;
}

void add_capacities(CLI::App& app, Capacities& capacities) {
  struct Entry {
    const char* name;
    std::uint32_t Capacities::*field;
    const char* help;
  };
  for (const Entry& entry : {
           Entry{"--participants", &Capacities::participants, "open buses in all processes"},
           Entry{"--names", &Capacities::names, "distinct command names"},
           Entry{"--endpoints", &Capacities::endpoints, "servers at one time"},
           Entry{"--lanes", &Capacities::lanes, "pairs of caller thread and server"},
           Entry{"--cells", &Capacities::cells_per_lane, "outstanding commands of one lane"},
           Entry{"--inbox", &Capacities::inbox_slots, "tickets of one server"},
           Entry{"--extents", &Capacities::extents, "pieces of payload memory"},
           Entry{"--extent-bytes", &Capacities::extent_bytes, "size of one piece"},
           Entry{"--broadcasts", &Capacities::broadcasts, "publishers of events"},
       }) {
    app.add_option(entry.name, capacities.*entry.field, entry.help)->group("Capacities");
  }
}

void describe(CLI::App& app, Options& options) {
  app.set_version_flag("--version", std::string(SHMBUS_VERSION));
  app.footer(epilogue);
  app.add_option("--bus", options.bus, "name, or path of its file (with a '/')")
      ->envname("SHMBUS_BUS")
      ->capture_default_str();
  app.add_flag("--create,!--no-create", options.open.create,
               "make the bus if there is none (default)");
  app.add_option_function<std::string>(
      "--mode", [&](const std::string& text) { set_mode(options.open, text); },
      "permissions of a new bus, octal (0600)");
  app.add_option_function<std::string>(
      "--trust", [&](const std::string& text) { set_trust(options.open, text); },
      "also join the bus of this user: own (default), anybody, a name or uid");
  app.add_option_function<std::string>(
      "--group", [&](const std::string& text) { set_group(options.open, text); },
      "group of a new bus, name or number");
  app.add_option_function<std::uint32_t>(
         "--interval-ms",
         [&](const std::uint32_t& ms) { options.statistics = Nanos{ms} * millisecond; },
         "pause between two passes of statistics (1000)")
      ->check(CLI::Range(10U, 3'600'000U));
  app.add_option_function<std::string>(
      "--log-level", [&](const std::string& text) { set_level(options.log_level, text); },
      "error, warning, info (default) or debug");
  app.add_option("--metrics", options.metrics,
                 "serve the counters to Prometheus at ADDRESS:PORT or unix:PATH")
      ->envname("SHMBUS_METRICS");
  app.add_option("--otlp", options.otlp,
                 "hand spans to the collector at http://HOST:PORT/v1/traces (OTLP in JSON)")
      ->envname("SHMBUS_OTLP");
  add_capacities(app, options.open.capacities);
}

}  // namespace

Parsed parse_command_line(int argc, const char* const* argv) {
  Parsed parsed;
  CLI::App app{
      "Takes care of one shmbus: notices deaths at once, reclaims what the dead held, "
      "publishes counters.",
      "shmbusd"};
  describe(app, parsed.options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    parsed.exit = app.exit(e) == 0 ? exit_code::stopped : exit_code::usage;
  }
  return parsed;
}

}  // namespace shmbus::daemon
