// shmbus plugins, shmbus reload: the plug-ins of all hosts on a bus, and another in one's place.
#include <fmt/format.h>

#include <climits>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/host/hosts.hpp"
#include "cli/open_bus.hpp"
#include "cli/output.hpp"
#include "cli/units.hpp"
#include "common/standard_output.hpp"

namespace shmbus::cli {
namespace {

using host::PluginState;

struct PluginsOptions {
  bool names_only = false;
  std::string timeout = "2s";
};

Style style_of(PluginState state) noexcept {
  switch (state) {
    case PluginState::active:
      return Style::good;
    case PluginState::failed:
      return Style::bad;
    case PluginState::unloaded:
      return Style::dim;
    default:
      return Style::warn;
  }
}

nlohmann::json row_json(const host::PluginRow& row) {
  return {{"name", row.name.view()},
          {"version", row.version.view()},
          {"state", host::to_string(row.state)},
          {"generation", row.generation},
          {"commands", row.commands},
          {"deferred", row.deferred},
          {"calls", row.calls},
          {"in_state_ms", row.in_state_ms},
          {"note", row.note.view()},
          {"path", row.path.view()}};
}

void print_json_list(const std::vector<host::HostView>& hosts) {
  nlohmann::json out{{"hosts", nlohmann::json::array()}};
  for (const auto& one : hosts) {
    nlohmann::json entry{
        {"host", one.label}, {"pid", one.pid}, {"plugins", nlohmann::json::array()}};
    if (!one.error.empty()) entry["error"] = one.error;
    for (const auto& row : one.plugins) entry["plugins"].push_back(row_json(row));
    out["hosts"].push_back(std::move(entry));
  }
  print_json(out);
}

void print_table(const std::vector<host::HostView>& hosts) {
  Table table({{"HOST"},
               {"PID", Align::right},
               {"PLUGIN"},
               {"VERSION"},
               {"GEN", Align::right},
               {"STATE"},
               {"SINCE", Align::right},
               {"COMMANDS", Align::right},
               {"CALLS", Align::right},
               {"OWED", Align::right},
               {"NOTE"}});
  for (const auto& one : hosts) {
    for (const auto& row : one.plugins) {
      table.add({printable(one.label),
                 std::to_string(one.pid),
                 printable(row.name.view()),
                 printable(row.version.view()),
                 std::to_string(row.generation),
                 {std::string(host::to_string(row.state)), style_of(row.state)},
                 format_age(row.in_state_ms * 1'000'000),
                 std::to_string(row.commands),
                 format_count(row.calls),
                 std::to_string(row.deferred),
                 printable(row.note.view())});
    }
    if (!one.error.empty()) {
      table.add({printable(one.label),
                 std::to_string(one.pid),
                 "-",
                 "-",
                 "-",
                 {"no answer", Style::bad},
                 "-",
                 "-",
                 "-",
                 "-",
                 printable(one.error)});
    }
  }
  fmt::print("{}", table.text());
}

int run_plugins(const Context& context, const PluginsOptions& options) {
  auto bus = open_bus(context, "shmbus plugins");
  const auto hosts = host::ask_hosts(context.bus, bus, duration_or_fail(options.timeout));
  if (options.names_only) {
    for (const auto& one : hosts) {
      for (const auto& row : one.plugins) {
        if (row.state != PluginState::active) continue;
        fmt::print("{}/{}\n", printable(one.label), printable(row.name.view()));
      }
    }
  } else if (context.json) {
    print_json_list(hosts);
  } else {
    print_table(hosts);
  }
  return exit_ok;
}

// --- reload ------------------------------------------------------------------------------------

struct ReloadOptions {
  std::string name;
  std::string file;
  std::string drain = "2s";
  std::string timeout = "30s";
};

std::string real_path(const std::string& path) {
  if (path.empty()) return path;
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (!real) {
    throw Failure(ErrorKind::invalid_argument, fmt::format("there is no file {}", path));
  }
  return real.get();
}

host::ReloadRequest request_of(const ReloadOptions& options, const host::PluginPlace& place) {
  host::ReloadRequest request;
  const auto path = real_path(options.file);
  if (!request.plugin.assign(place.plugin) || !request.path.assign(path)) {
    throw Failure(ErrorKind::invalid_argument, "the name or the path is too long");
  }
  const auto drain =
      std::chrono::duration_cast<std::chrono::milliseconds>(duration_or_fail(options.drain));
  request.drain_ms = static_cast<std::uint32_t>(
      std::min<std::int64_t>(drain.count(), std::numeric_limits<std::uint32_t>::max()));
  return request;
}

void show(const Context& context, const host::PluginPlace& place, const host::ReloadReply& done) {
  if (context.json) {
    print_json({{"host", place.host},
                {"plugin", place.plugin},
                {"switched", done.switched},
                {"from", done.from.view()},
                {"to", done.to.view()},
                {"old", host::to_string(done.old_state)},
                {"why_not", done.why_not.view()},
                {"trial_ns", done.trial_ns},
                {"start_ns", done.start_ns},
                {"switch_ns", done.switch_ns}});
  } else if (done.switched) {
    fmt::print("{}/{}: {} -> {}; trial {}, start {}, switched in {}; the old one: {}\n",
               printable(place.host), printable(place.plugin), printable(done.from.view()),
               printable(done.to.view()), format_ns(done.trial_ns), format_ns(done.start_ns),
               format_ns(done.switch_ns), host::to_string(done.old_state));
  }
}

int run_reload(const Context& context, const ReloadOptions& options) {
  auto bus = open_bus(context, "shmbus plugins");
  const auto place =
      host::find_plugin(host::ask_hosts(context.bus, bus, std::chrono::seconds(5)), options.name);
  const auto request = request_of(options, place);
  const auto name = host::reload_name(place.host);
  Caller<host::ReloadPlugin> caller(
      value_or_fail(bus.caller(std::string_view(name), {}, schema_of<host::ReloadPlugin>)));
  const auto done = value_or_fail(caller.call(request, duration_or_fail(options.timeout)));
  show(context, place, done);
  if (done.switched) return exit_ok;
  if (!context.json) {
    print_error(fmt::format("shmbus: {}/{} goes on as it was: the new one {}\n",
                            printable(place.host), printable(place.plugin),
                            printable(done.why_not.view())));
  }
  return static_cast<int>(ErrorKind::rejected);
}

}  // namespace

void add_plugins(CLI::App& app, Context& context) {
  const auto options = std::make_shared<PluginsOptions>();
  auto& command =
      add_command(app, context, "plugins", "The plug-ins of all hosts, and how far each has come",
                  [&context, options] { return run_plugins(context, *options); });
  command.add_flag("--names", options->names_only, "Only HOST/NAME of those that serve");
  command.add_option("--timeout", options->timeout, "For each host")
      ->type_name("DURATION")
      ->capture_default_str();
}

void add_reload(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ReloadOptions>();
  auto& command = add_command(app, context, "reload", "Put another plug-in in the place of one",
                              [&context, options] { return run_reload(context, *options); });
  command.add_option("PLUGIN", options->name, "Its name, or HOST/NAME")->required();
  command.add_option("FILE", options->file, "The new one; the same file again when left out");
  command.add_option("--drain", options->drain, "Wait so long for the old one to go")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--timeout", options->timeout, "For all of it")
      ->type_name("DURATION")
      ->capture_default_str();
}

}  // namespace shmbus::cli
