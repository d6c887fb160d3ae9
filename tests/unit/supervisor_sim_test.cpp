// The supervisor through simulated hours, in the world of supervisor_world.hpp. At every step:
//   nobody alive is ever reclaimed, and nobody is reclaimed without a verdict
//   the process that is dead is reclaimed within a bound that depends on how its death can be
//   noticed a slot has at most one pidfd, and an empty world has none actions, wards and chains of
//   actions stay within bounds
//
// Each run prints its seed; SHMBUS_SEED repeats it.
#include <cstdio>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "unit/supervisor_world.hpp"

namespace {

using namespace shmbus::daemon;
using sim::Terms;
using sim::World;

World simulate(const Terms& terms) {
  const std::uint64_t seed = shmbus::test::seed();
  INFO("world: " << terms.name << "; repeat with SHMBUS_SEED=" << seed);
  World world(terms, seed);
  world.run();
  std::printf(
      "%-22s seed %llu: %.1f h, %llu steps, %llu deaths, %llu reclaims, "
      "slowest %.2f ms with a pidfd, %.2f ms undrained, %.0f ms in all\n",
      terms.name, static_cast<unsigned long long>(seed), terms.hours,
      static_cast<unsigned long long>(world.steps), static_cast<unsigned long long>(world.deaths),
      static_cast<unsigned long long>(world.reclaims),
      static_cast<double>(world.slowest_with_pidfd) / 1e6,
      static_cast<double>(world.slowest_undrained) / 1e6, static_cast<double>(world.slowest) / 1e6);
  CHECK(world.deaths > 1000);
  CHECK(world.reclaims > world.deaths / 4);
  return world;
}

}  // namespace

TEST_CASE("supervisor: an ordinary world, hours long") {
  Terms terms{"ordinary"};
  terms.hours = 2;
  const World world = simulate(terms);
  // Notice, probe, reclaim: three answers of the world.
  CHECK(world.slowest_with_pidfd <= 2 * millisecond);
}

TEST_CASE("supervisor: pids are reused at once") {
  Terms terms{"pid reuse"};
  terms.pids = 40;
  terms.execs = 0.2;
  simulate(terms);
}

TEST_CASE("supervisor: tokens outlive the exit notice") {
  Terms terms{"late tokens"};
  terms.late_token = 0.5;
  simulate(terms);
}

TEST_CASE("supervisor: no pidfd is ever granted") {
  Terms terms{"no pidfds"};
  terms.refuses_pidfd = 1;
  const World world = simulate(terms);
  // 24 slots share 2,000 probes a second: a pause of up to 12 ms, and the answers.
  CHECK(world.slowest_undrained <= 15 * millisecond);
}

TEST_CASE("supervisor: everything goes wrong") {
  Terms terms{"everything"};
  terms.refuses_pidfd = 0.2;
  terms.foreign = 0.2;
  terms.lies = 0.1;
  terms.execs = 0.2;
  terms.late_token = 0.3;
  terms.loses_arrivals = 0.3;
  terms.garbage = 0.05;
  terms.pids = 60;
  simulate(terms);
}
