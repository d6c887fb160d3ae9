// torture_storm: callers, handlers and the daemon are killed, stopped and restarted at random while
// they work at full speed, round after round of differing weather; each round ends with a reckoning
// (judge.hpp). Ends when all of --commands, --kills are reached, or after --seconds.
//
//   --round SEED   play only the round of that seed, for --seconds (as a failure prints it)
//   --owners WHO    only names that are served by `one`, a `group`, or a `relay`
#include <cstdio>
#include <iterator>

#include "torture/storm/book.hpp"
#include "torture/storm/round.hpp"
#include "torture/support/options.hpp"

using namespace shmbus::torture;  // NOLINT: this file is its main

namespace {

/// As --owners says; null: any.
const Owners* owners_wanted(const Options& options) {
  static constexpr Owners all[] = {Owners::one, Owners::group, Owners::relay};
  for (const Owners& owners : all) {
    if (options.text("owners") == to_string(owners)) return &owners;
  }
  return nullptr;
}

RoundResult play(std::uint64_t seed, double seconds, const Owners* wanted) {
  std::mt19937_64 random(seed);
  const Weather weather = weather_of(random, wanted);
  std::printf("round seed=%lu %s\n", seed, describe(weather).c_str());
  std::fflush(stdout);
  auto result = play_round(weather, random(),
                           std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
  std::printf("  kills=%lu stops=%lu restarts=%lu handed-over=%lu slowest=%.0f ms %s\n",
              result.kills, result.stops, result.restarts, result.handed_over,
              static_cast<double>(result.slowest_ns) * 1e-6, result.counts.c_str());
  if (!result.summary.good()) {
    std::printf("FAILED seed=%lu: torture_storm --round %lu --seconds %.0f%s%s (%s)\n", seed, seed,
                seconds, wanted != nullptr ? " --owners " : "",
                wanted != nullptr ? to_string(*wanted) : "", describe(weather).c_str());
  }
  std::fflush(stdout);
  return result;
}

/// A quick run is too short to leave this to chance.
const Owners* quick_owners(std::size_t round) {
  static constexpr Owners turns[] = {Owners::one, Owners::group, Owners::relay};
  return &turns[round % std::size(turns)];
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv, "commands kills seconds round owners");
  const bool full = options.full();
  const auto commands = options.number("commands", full ? 100'000'000 : ~0ULL);
  const auto kills = options.number("kills", full ? 100'000 : ~0ULL);
  const auto seconds = options.number("seconds", full ? 5'400 : 50);
  const Owners* wanted = owners_wanted(options);
  if (options.has("round")) {
    const auto result = play(options.number("round", 0), static_cast<double>(seconds), wanted);
    result.summary.print();
    return result.summary.good() ? 0 : 1;
  }
  std::mt19937_64 random(options.seed());
  std::printf("seed=%lu\n", options.seed());
  RoundResult all;
  const auto began = now_ns();
  const auto over = [&] { return (now_ns() - began) / 1'000'000'000 >= seconds; };
  for (std::size_t round = 0; !over() && (all.commands < commands || all.kills < kills); ++round) {
    const Owners* owners = wanted == nullptr && !full ? quick_owners(round) : wanted;
    const auto one = play(random(), full ? 8 : 3, owners);
    all.summary += one.summary;
    all.commands += one.commands;
    all.kills += one.kills;
    all.handed_over += one.handed_over;
    all.slowest_ns = std::max(all.slowest_ns, one.slowest_ns);
  }
  all.summary.print(" commands=" + std::to_string(all.commands) + " kills=" +
                    std::to_string(all.kills) + " handed_over=" + std::to_string(all.handed_over) +
                    " slowest_ms=" + std::to_string(all.slowest_ns / 1'000'000));
  return all.summary.good() ? 0 : 1;
}
