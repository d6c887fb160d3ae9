#include "common/bus_options.hpp"

#include <grp.h>

#include <array>
#include <charconv>
#include <string>

#include "common/escape.hpp"
#include "common/options.hpp"
#include "common/units.hpp"
#include "layout/limits.hpp"

namespace shmbus {
namespace {

constexpr const char* capacity_group = "Capacities of a new bus";
constexpr const char* quota_group = "Quotas of a new bus";

struct Capacity {
  const char* flag;
  std::uint32_t Capacities::*field;
  const char* meaning;
  std::uint32_t fallback;
  std::uint32_t least;
  std::uint32_t most;
};

constexpr std::array<Capacity, 8> capacities_of_a_bus{{
    {"--participants", &Capacities::participants, "Open Bus objects in all processes",
     layout::participants_default, 2, layout::participants_max},
    {"--names", &Capacities::names, "Distinct command names, for ever", layout::names_default, 1,
     layout::names_max},
    {"--endpoints", &Capacities::endpoints, "Servers at one time", layout::endpoints_default, 1,
     layout::endpoints_max},
    {"--lanes", &Capacities::lanes, "Pairs of caller thread and server", layout::lanes_default, 1,
     layout::lanes_max},
    {"--cells-per-lane", &Capacities::cells_per_lane,
     "Outstanding commands of one lane; a power of two", layout::cells_per_lane_default,
     layout::cells_per_lane_min, layout::cells_per_lane_max},
    {"--inbox-slots", &Capacities::inbox_slots, "Tickets of one server; a power of two",
     layout::inbox_slots_default, 8, layout::inbox_slots_max},
    {"--extents", &Capacities::extents, "Pieces of payload memory", layout::extents_default, 1,
     layout::extents_max},
    {"--broadcasts", &Capacities::broadcasts, "Publishers of events, in all processes",
     layout::broadcasts_default, 1, layout::broadcasts_max},
}};

std::uint32_t mode_for(const std::string& text) {
  std::uint32_t mode = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, mode, 8);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end || mode > 0777) {
    refuse_option("--mode takes permissions in octal, like 0660, not '" + escape::terminal(text) +
                  "'");
  }
  return mode;
}

std::int64_t group_for(const std::string& text) {
  constexpr std::uint64_t most = 4'294'967'294;  // the last one means "none"
  if (const auto number = parse_whole_number(text, most)) {
    return static_cast<std::int64_t>(*number);
  }
  const ::group* entry = ::getgrnam(text.c_str());
  if (entry == nullptr) {
    refuse_option("--group takes the name or the number of a group; there is no group '" +
                  escape::terminal(text) + "'");
  }
  return entry->gr_gid;
}

Duration timeout_for(const std::string& text) {
  const auto limit = parse_duration(text);
  if (!limit || *limit <= Duration::zero()) {
    refuse_option("--default-timeout takes a duration above 0, like 500ms, 2s or forever, not '" +
                  escape::terminal(text) + "'");
  }
  return *limit;
}

}  // namespace

void add_capacity_options(CLI::App& app, Capacities& capacities) {
  for (const auto& one : capacities_of_a_bus) {
    add_number(app, one.flag, capacities.*one.field,
               one.meaning + (" (" + std::to_string(one.fallback) + ")"), one.least, one.most)
        ->group(capacity_group);
  }
  app.add_option_function<std::string>(
         "--extent-bytes",
         [&capacities](const std::string& text) {
           const auto bytes = parse_bytes(text);
           if (!bytes || *bytes > layout::extent_bytes_max) {
             refuse_option("--extent-bytes takes a size up to 1G, like 64K or 1M, not '" +
                           escape::terminal(text) + "'");
           }
           capacities.extent_bytes = static_cast<std::uint32_t>(*bytes);
         },
         "Size of one piece; a power of two (64K)")
      ->type_name("BYTES")
      ->group(capacity_group);
}

void add_quota_options(CLI::App& app, Quotas& quotas) {
  const auto quota = [&](const char* flag, std::uint32_t& target, const char* meaning) {
    add_number(app, flag, target, std::string(meaning) + " of one user; 0: no quota")
        ->group(quota_group);
  };
  quota("--user-participants", quotas.participants, "Open Bus objects");
  quota("--user-endpoints", quotas.endpoints, "Servers");
  quota("--user-names", quotas.names, "Names registered first, for ever,");
  quota("--user-lanes", quotas.lanes, "Pairs of caller thread and server");
  quota("--user-extents", quotas.extents, "Pieces of payload memory");
}

void add_creation_options(CLI::App& app, OpenOptions& open) {
  app.add_option_function<std::string>(
         "--mode", [&open](const std::string& text) { open.mode = mode_for(text); },
         "Permissions of a new bus (0600)")
      ->type_name("OCTAL");
  app.add_option_function<std::string>(
         "--group", [&open](const std::string& text) { open.group = group_for(text); },
         "Group of a new bus, by name or number; else your own")
      ->type_name("GROUP");
  app.add_option_function<std::string>(
         "--default-timeout",
         [&open](const std::string& text) { open.default_timeout = timeout_for(text); },
         "On a new bus, of calls that name none (5s)")
      ->type_name("DURATION");
  add_capacity_options(app, open.capacities);
  add_quota_options(app, open.quotas_per_uid);
}

bool any_given(const Quotas& q) noexcept {
  return (q.participants | q.endpoints | q.names | q.lanes | q.extents) != 0;
}

bool any_given(const Capacities& c) noexcept {
  return (c.participants | c.names | c.endpoints | c.lanes | c.cells_per_lane | c.inbox_slots |
          c.extents | c.extent_bytes | c.broadcasts) != 0;
}

}  // namespace shmbus
