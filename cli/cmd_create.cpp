// shmbus create: makes a bus before its first participant does, where the capacities, the mode or
// the group matter. A bus that stands there already is left as it is.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/present.hpp"
#include "cli/units.hpp"
#include "common/bus_options.hpp"
#include "inspect/reader.hpp"
#include "segment/create.hpp"
#include "segment/open.hpp"
#include "session/check_options.hpp"

namespace shmbus::cli {
namespace {

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

int run_create(const Context& context, OpenOptions wanted) {
  wanted.trust = context.trust;
  value_or_fail(detail::check(wanted));
  const auto geometry = value_or_fail(segment::geometry_for(wanted.capacities));
  const bool existed = value_or_fail(inspect::look_at(context.bus)).usable();
  const auto location = value_or_fail(segment::locate(context.bus));
  const auto opened = value_or_fail(segment::open_or_create(location, wanted));
  const bool differs =
      (any_given(wanted.capacities) && opened.header.capacities != geometry.capacities) ||
      (any_given(wanted.quotas_per_uid) &&
       !same(wanted.quotas_per_uid, opened.header.quotas_per_uid));
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
    fmt::print("{} {}, {}\n", printable(location.path), existed ? "exists already" : "created",
               format_bytes(opened.header.segment_bytes));
  }
  return exit_ok;
}

}  // namespace

void add_create(CLI::App& app, Context& context) {
  const auto wanted = std::make_shared<OpenOptions>();
  auto& command = add_command(app, context, "create", "Create a bus with capacities of your choice",
                              [&context, wanted] { return run_create(context, *wanted); });
  add_creation_options(command, *wanted);
}

}  // namespace shmbus::cli
