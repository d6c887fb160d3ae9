// shmbus route NAME: which callers go to the canary; promoting it, or going back.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/members_text.hpp"
#include "cli/present.hpp"
#include "common/units.hpp"
#include "inspect/snapshot.hpp"
#include "names/route.hpp"
#include "session/core.hpp"
#include "words/members.hpp"
#include "words/table.hpp"

namespace shmbus::cli {
namespace {

using Rule = layout::RouteWord::Rule;

struct RouteOptions {
  std::string name;
  std::string share;
  std::string label;
  bool promote = false;
  bool rollback = false;

  [[nodiscard]] bool changes() const {
    return !share.empty() || !label.empty() || promote || rollback;
  }
};

/// "10%" or "10" as a part of all 32-bit numbers; nothing for 0.
std::optional<std::uint32_t> share_of(const std::string& text) {
  const auto digits = std::string_view(text).substr(0, text.size() - (text.ends_with('%') ? 1 : 0));
  const double percent = parse_decimal(digits).value_or(-1);
  if (!(percent >= 0 && percent <= 100)) {
    throw UsageError(fmt::format("--canary takes a share from 0% to 100%, not '{}'", text));
  }
  if (percent == 0) return std::nullopt;
  const double part = percent / 100.0 * 4294967296.0;
  return static_cast<std::uint32_t>(std::max(1.0, std::floor(part)) - 1.0);
}

std::shared_ptr<detail::BusCore> open(const Context& context) {
  OpenOptions options;
  options.create = false;
  options.trust = context.trust;
  options.label = "shmbus route";
  return value_or_fail(detail::BusCore::open(context.bus, {options, false}));
}

void change(const Context& context, const RouteOptions& options) {
  const auto share = options.share.empty() ? std::nullopt : share_of(options.share);
  const auto bus = open(context);
  value_or_fail(names::check(options.name));
  const auto record = names::find(bus->view(), CommandName(options.name));
  if (!record) {
    throw Failure(ErrorKind::not_registered,
                  fmt::format("'{}' is not known on {}", options.name, bus->path()));
  }
  const auto& attachment = bus->attachment();
  Result<void> done;
  if (options.promote) {
    done = names::promote(attachment, *record);
  } else if (options.rollback) {
    done = names::roll_back(attachment, *record);
  } else if (!options.label.empty()) {
    done =
        names::give_to_canary(attachment, *record, Rule::label, names::label_hash(options.label));
  } else {
    done = names::give_to_canary(attachment, *record, share ? Rule::share : Rule::nobody,
                                 share.value_or(0));
  }
  if (!done) throw Failure(done.error());
}

int run_route(const Context& context, const RouteOptions& options) {
  if (options.changes()) change(context, options);
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  const auto snapshot = inspect::take_snapshot(reader);
  const auto* name = snapshot.name(options.name);
  if (name == nullptr || !is_published(*name)) {
    throw Failure(ErrorKind::not_registered,
                  fmt::format("'{}' is not known on {}", options.name, snapshot.bus.path));
  }
  if (context.json) {
    nlohmann::json out{{"name", name->name}, {"group", name->group}};
    out["promoted"] = name->route.promoted();
    out["canary_share"] = canary_share(*name);
    out["members"] = members_json(*name);
    print_json(out);
  } else if (name->members.empty()) {
    fmt::print("{} has one owner and no canary: all callers go to {}\n", printable(name->name),
               owners_cell(*name));
  } else {
    print_members(*name);
  }
  return exit_ok;
}

}  // namespace

void add_route(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RouteOptions>();
  auto& command =
      add_command(app, context, "route", "Show or change which callers go to a name's canary",
                  [&context, options] { return run_route(context, *options); });
  command.add_option("NAME", options->name, "Name of a command")->required();
  auto* share = command.add_option("--canary", options->share, "Give it this share of the callers")
                    ->type_name("PERCENT");
  auto* label = command.add_option("--label", options->label, "Give it the callers of this label")
                    ->type_name("LABEL");
  auto* promote = command.add_flag("--promote", options->promote,
                                   "It becomes the owner; the former one finishes and stands by");
  auto* rollback = command.add_flag("--rollback", options->rollback,
                                    "All callers to the owner again; once promoted, to the former");
  share->excludes(label)->excludes(promote)->excludes(rollback);
  label->excludes(promote)->excludes(rollback);
  promote->excludes(rollback);
}

}  // namespace shmbus::cli
