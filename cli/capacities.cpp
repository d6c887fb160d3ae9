#include "cli/capacities.hpp"

#include <fmt/format.h>

#include "cli/exit_codes.hpp"
#include "cli/units.hpp"
#include "layout/limits.hpp"

namespace shmbus::cli {
namespace {

void add(CLI::App& command, const std::string& flag, std::uint32_t& target,
         const std::string& meaning, std::uint32_t fallback) {
  command.add_option(flag, target, fmt::format("{} ({})", meaning, fallback))->type_name("N");
}

}  // namespace

void add_capacity_options(CLI::App& command, Capacities& c) {
  add(command, "--participants", c.participants, "Open Bus objects in all processes",
      layout::participants_default);
  add(command, "--names", c.names, "Distinct command names, for ever", layout::names_default);
  add(command, "--endpoints", c.endpoints, "Servers at one time", layout::endpoints_default);
  add(command, "--lanes", c.lanes, "Pairs of caller thread and server", layout::lanes_default);
  add(command, "--cells-per-lane", c.cells_per_lane,
      "Outstanding commands of one lane; a power of two", layout::cells_per_lane_default);
  add(command, "--inbox-slots", c.inbox_slots, "Tickets of one server; a power of two",
      layout::inbox_slots_default);
  add(command, "--extents", c.extents, "Pieces of payload memory", layout::extents_default);
  command
      .add_option_function<std::string>(
          "--extent-bytes",
          [&c](const std::string& text) {
            const auto bytes = parse_bytes(text);
            if (!bytes || *bytes > layout::extent_bytes_max) {
              throw UsageError("--extent-bytes takes a size up to 1G, like 64K or 1M");
            }
            c.extent_bytes = static_cast<std::uint32_t>(*bytes);
          },
          "Size of one piece; a power of two (64K)")
      ->type_name("BYTES");
  add(command, "--broadcasts", c.broadcasts, "Publishers of events, in all processes",
      layout::broadcasts_default);
}

void add_quota_options(CLI::App& command, Quotas& q) {
  const auto quota = [&command](const char* flag, std::uint32_t& target, const char* meaning) {
    command.add_option(flag, target, fmt::format("{} of one user; 0: no quota", meaning))
        ->type_name("N");
  };
  quota("--user-participants", q.participants, "Open Bus objects");
  quota("--user-endpoints", q.endpoints, "Servers");
  quota("--user-names", q.names, "Names registered first, for ever,");
  quota("--user-lanes", q.lanes, "Pairs of caller thread and server");
  quota("--user-extents", q.extents, "Pieces of payload memory");
}

bool any_given(const Quotas& q) noexcept {
  return (q.participants | q.endpoints | q.names | q.lanes | q.extents) != 0;
}

bool any_given(const Capacities& c) noexcept {
  return (c.participants | c.names | c.endpoints | c.lanes | c.cells_per_lane | c.inbox_slots |
          c.extents | c.extent_bytes | c.broadcasts) != 0;
}

}  // namespace shmbus::cli
