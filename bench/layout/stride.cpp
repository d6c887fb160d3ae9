// The layout experiment: one ring, its four control words packed into one line, 64 bytes apart and
// 128 bytes apart. The difference is false sharing made visible: packed, every store of one side's
// index takes away the line that the other side's own words are in.

#include <string>

#include "harness/link.hpp"
#include "peers/bare_ring.hpp"
#include "suites.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kSlots = 1024;

template <std::size_t Bytes, std::size_t Stride>
RoundResult stream(const RoundBudget& budget) {
  return run_stream<Bytes, BareRingLink<Bytes, kSlots, Stride>>(budget, Isolation::processes);
}

template <std::size_t Stride>
RoundResult echo(const RoundBudget& budget) {
  return run_echo<40, BareRingLink<40, kSlots, Stride>>(budget, Isolation::processes);
}

template <std::size_t Stride>
void add_stride(Registry& registry, const std::string& label, bool is_reference) {
  const auto add = [&](const std::string& what, std::size_t bytes, Unit unit, auto run) {
    registry.add({.name = "layout." + label + "." + what,
                  .payload = bytes,
                  .mode = "spin",
                  .unit = unit,
                  .ratio_to = is_reference ? std::string() : "layout.128B." + what,
                  .tier = Tier::detail,
                  .run_round = run});
  };
  add("rtt40", 40, Unit::nanoseconds, echo<Stride>);
  add("oneway8", 8, Unit::per_second, stream<8, Stride>);
  add("oneway64", 64, Unit::per_second, stream<64, Stride>);
}

}  // namespace

void register_layout(Registry& registry) {
  add_stride<128>(registry, "128B", true);
  add_stride<64>(registry, "64B", false);
  add_stride<8>(registry, "packed", false);
}

}  // namespace shmbus::bench
