// What it costs to find a literal name among 200: the hash is computed at compile time, the rest is
// a probe of the table in the segment.

#include <array>
#include <string>

#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/measure.hpp"
#include "session/core.hpp"
#include "words/table.hpp"

namespace shmbus::bench {
namespace {

constexpr unsigned kNames = 200;
constexpr std::array<CommandName, 4> kWanted{"user.create", "user.delete", "order.place",
                                             "report.monthly.send"};

void look_up(RoleContext& context, const PrivateBus& place) {
  const auto bus = value_of("open", shmbus::detail::BusCore::open(place.path(), {}));
  const Attachment& attachment = bus->attachment();
  for (unsigned i = 0; i < kNames; ++i) {
    const std::string filler = "service.name." + std::to_string(i);
    const CommandName name = i < kWanted.size() ? kWanted[i] : CommandName(filler);
    value_of("intern", names::intern(attachment, name));
  }
  constexpr unsigned kBatch = 1000;
  RoleReport& report = context.report();
  const Ticks end = now_ticks() + ns_to_ticks(context.budget().measure_ns);
  do {
    std::uint32_t missing = 0;
    const Ticks start = now_ticks();
    for (unsigned i = 0; i < kBatch; ++i) {
      missing += names::find(attachment.view, kWanted[i % kWanted.size()]) ? 0 : 1;
    }
    report.add_block(ticks_to_ns(now_ticks() - start) / kBatch);
    if (missing != 0) {
      throw DataLost("a registered name was not found");
    }
  } while (now_ticks() < end);
  report.value = report.typical_ns();
}

RoundResult run_lookup(const RoundBudget& budget) {
  PrivateBus place;
  RoleGroup group(budget);
  group.add("self", 0, [&](RoleContext& context) { look_up(context, place); });
  return group.run(0);
}

}  // namespace

void register_bus_lookup(Registry& registry) {
  registry.add({.name = "lookup",
                .payload = 0,
                .mode = "one core",
                .ratio_to = {},
                .tier = Tier::headline,
                .run_round = run_lookup});
}

}  // namespace shmbus::bench
