#include "cli/members_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/output.hpp"
#include "cli/present.hpp"
#include "cli/units.hpp"

namespace shmbus::cli {

using inspect::MemberInfo;
using inspect::Role;
using layout::RouteWord;

std::string canary_share(const inspect::NameInfo& name) {
  switch (name.route.rule()) {
    case RouteWord::Rule::share:
      return fmt::format("{:.4g} %", 100.0 * (name.route.value() + 1.0) / 4294967296.0);
    case RouteWord::Rule::label:
      return fmt::format("label #{:08x}", name.route.value());
    case RouteWord::Rule::nobody:
      break;
  }
  return "nobody";
}

std::string owners_cell(const inspect::NameInfo& name) {
  const std::string first = name.owner_label.empty() ? "-" : printable(name.owner_label);
  const auto others =
      std::count_if(name.members.begin(), name.members.end(), [&](const MemberInfo& member) {
        return member.state == inspect::NameState::active && member.endpoint != name.endpoint;
      });
  return others == 0 ? first : fmt::format("{}, +{}", first, others);
}

nlohmann::json members_json(const inspect::NameInfo& name) {
  auto list = nlohmann::json::array();
  for (const auto& member : name.members) {
    list.push_back({{"place", member.place},
                    {"role", to_string(member.role)},
                    {"state", to_string(member.state)},
                    {"label", member.label},
                    {"pid", member.pid},
                    {"endpoint", member.endpoint},
                    {"commands", member.commands},
                    {"depth", member.depth}});
    if (member.role == Role::canary) list.back()["share"] = canary_share(name);
  }
  return list;
}

void print_members(const inspect::NameInfo& name) {
  if (name.members.empty()) return;
  Table table({{"ROLE"},
               {"LABEL"},
               {"PID", Align::right},
               {"STATE"},
               {"ENDPOINT", Align::right},
               {"COMMANDS", Align::right},
               {"DEPTH", Align::right},
               {"CALLERS"}});
  for (const auto& member : name.members) {
    const bool canary = member.role == Role::canary;
    const bool none = member.role == Role::former || member.role == Role::leaving;
    table.add({std::string(to_string(member.role)),
               member.label.empty() ? "-" : printable(member.label),
               member.pid == 0 ? "-" : std::to_string(member.pid), state_cell(member.state),
               std::to_string(member.endpoint), format_count(member.commands),
               std::to_string(member.depth),
               canary ? canary_share(name) : (none ? "none any more" : "the others")});
  }
  fmt::print("\n{}", table.text());
}

}  // namespace shmbus::cli
