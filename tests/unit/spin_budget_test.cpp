// What an adaptive wait learns: to spin where that pays, to sleep where it does not, and to try
// spinning again now and then, ever less often.
#include "os/spin.hpp"

#include "support/catch.hpp"

namespace {

using shmbus::WaitMode;
using shmbus::wait::SpinBudget;

constexpr std::uint64_t most = 6'400;

/// Waits that each end in sleep, until one is a trial: how many those were. 0: none was.
unsigned waits_until_trial(SpinBudget& spin) {
  for (unsigned waits = 1; waits <= 1'000; ++waits) {
    const std::uint64_t budget = spin.begin();
    spin.had_to_sleep();
    if (budget > most) return waits;
  }
  return 0;
}

bool may_spin() { return shmbus::wait::usable_cpus() > 1; }

}  // namespace

TEST_CASE("an adaptive wait spins for less and less when that is in vain", "[spin]") {
  if (!may_spin()) return;
  SpinBudget spin(WaitMode::adaptive, most);
  CHECK(spin.begin() == most);
  spin.had_to_sleep();
  CHECK(spin.begin() == most / 2);
  for (int i = 0; i < 100; ++i) spin.had_to_sleep();
  const std::uint64_t least = spin.begin();
  CHECK(least > 0);
  CHECK(least <= most / 64);
  spin.spun_well();
  CHECK(spin.begin() == most);
}

TEST_CASE("spinning is tried again, less often each time that it was in vain", "[spin]") {
  if (!may_spin()) return;
  SpinBudget spin(WaitMode::adaptive, most);
  spin.had_to_sleep();
  CHECK(waits_until_trial(spin) == 16);
  CHECK(waits_until_trial(spin) == 32);
  CHECK(waits_until_trial(spin) == 64);
  CHECK(waits_until_trial(spin) == 128);
  CHECK(waits_until_trial(spin) == 128);
  spin.spun_well();
  spin.had_to_sleep();
  CHECK(waits_until_trial(spin) == 16);
}

TEST_CASE("waits that do not adapt learn nothing", "[spin]") {
  SpinBudget blocking(WaitMode::blocking, most);
  blocking.spun_well();
  CHECK(blocking.begin() == 0);
  if (!may_spin()) return;
  SpinBudget spinning(WaitMode::spinning, most);
  spinning.had_to_sleep();
  CHECK(spinning.begin() > 1'000 * most);
}
