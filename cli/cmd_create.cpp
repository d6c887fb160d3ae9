// shmbus create: makes a bus before its first participant does, where the capacities, the mode or
// the group matter. A bus that stands there already is left as it is.
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/capacities.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/present.hpp"
#include "cli/units.hpp"
#include "inspect/reader.hpp"
#include "segment/create.hpp"
#include "segment/open.hpp"
#include "session/check_options.hpp"

namespace shmbus::cli {
namespace {

struct Options {
  Capacities capacities{};
  Quotas quotas{};
  std::string mode;  ///< empty: 0600
  std::int64_t group = -1;
  std::string timeout = "5s";
};

std::uint32_t parse_mode(const std::string& text) {
  char* end = nullptr;
  const unsigned long mode = std::strtoul(text.c_str(), &end, 8);
  if (text.empty() || *end != '\0' || mode > 0777) {
    throw UsageError(fmt::format("'{}' is no mode; write one like 0660", text));
  }
  return static_cast<std::uint32_t>(mode);
}

OpenOptions open_options(const Options& options) {
  OpenOptions out;
  out.capacities = options.capacities;
  out.quotas_per_uid = options.quotas;
  if (!options.mode.empty()) out.mode = parse_mode(options.mode);
  out.group = options.group;
  out.default_timeout = duration_or_fail(options.timeout);
  return out;
}

bool same(const Quotas& wanted, const layout::Quotas& there) noexcept {
  return layout::Quotas{wanted.participants, wanted.endpoints, wanted.names, wanted.lanes,
                        wanted.extents} == there;
}

nlohmann::json quotas_json(const layout::Quotas& quotas) {
  return {{"participants", quotas.participants},
          {"endpoints", quotas.endpoints},
          {"names", quotas.names},
          {"lanes", quotas.lanes},
          {"extents", quotas.extents}};
}

int run_create(const Context& context, const Options& options) {
  auto wanted = open_options(options);
  wanted.trust = context.trust;
  value_or_fail(detail::check(wanted));
  const auto geometry = value_or_fail(segment::geometry_for(options.capacities));
  const bool existed = value_or_fail(inspect::look_at(context.bus)).usable();
  const auto location = value_or_fail(segment::locate(context.bus));
  const auto opened = value_or_fail(segment::open_or_create(location, wanted));
  const bool differs =
      (any_given(options.capacities) && opened.header.capacities != geometry.capacities) ||
      (any_given(options.quotas) && !same(options.quotas, opened.header.quotas_per_uid));
  if (differs) {
    throw Failure(
        ErrorKind::invalid_argument,
        fmt::format("{} exists with other capacities or quotas; see `shmbus layout`, or stop its "
                    "participants and `shmbus rm` it first",
                    location.path));
  }
  if (context.json) {
    print_json({{"path", location.path},
                {"created", !existed},
                {"bytes", opened.header.segment_bytes},
                {"capacities", capacities_json(opened.header.capacities)},
                {"quotas_per_uid", quotas_json(opened.header.quotas_per_uid)}});
  } else {
    fmt::print("{} {}, {}\n", location.path, existed ? "exists already" : "created",
               format_bytes(opened.header.segment_bytes));
  }
  return exit_ok;
}

}  // namespace

void add_create(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  auto& command = add_command(app, context, "create", "Create a bus with capacities of your choice",
                              [&context, options] { return run_create(context, *options); });
  add_capacity_options(command, options->capacities);
  add_quota_options(command, options->quotas);
  command.add_option("--mode", options->mode, "Permissions of the file (0600)")
      ->type_name("OCTAL")
      ->capture_default_str();
  command.add_option("--group", options->group, "Numeric group of the file; -1: your own")
      ->type_name("GID")
      ->capture_default_str();
  command.add_option("--default-timeout", options->timeout, "Of calls that name none")
      ->type_name("DURATION")
      ->capture_default_str();
}

}  // namespace shmbus::cli
