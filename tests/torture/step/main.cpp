// torture_step: each public operation is cut off after each instruction that others could notice
// (stepper.hpp says which those are), beside peers that work, sleep, or stand still in the middle
// of something; point.cpp sees how they fare.
//
//   --full              every event of every operation beside every kind of peers
//   --quick             as many, chosen at random, as --seconds allow; each pair at least once
//   --operation NAME    only this one       --peers NAME   only these
//   --event N           only the kill after the N-th event (as a failure prints it)
//   --instruction N     only the kill after the N-th instruction
#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <vector>

#include "torture/step/point.hpp"
#include "torture/support/options.hpp"

using namespace shmbus::torture;  // NOLINT: this file is its main

namespace {

struct Pair {
  const Operation* operation;
  Peers peers;
  std::uint64_t points = 0;
  std::uint64_t instructions = 0;  ///< the longest walk
  std::uint64_t events = 0;
};

class Sweep {
 public:
  explicit Sweep(const Options& options) : options_(options), random_(options.seed()) {
    for (const auto& operation : operations()) add(operation);
    for (const auto& operation : event_operations()) add(operation);
    for (const auto& operation : stream_operations()) add(operation);
  }

  int run() {
    if (options_.has("event") || options_.has("instruction")) {
      for (auto& pair : pairs_) {
        (void)one(pair, {options_.number("event", ~0ULL), options_.number("instruction", ~0ULL)});
      }
    } else if (options_.full()) {
      everything();
    } else {
      samples();
    }
    for (const auto& pair : pairs_) {
      std::printf("%-14s %-12s points=%lu events=%lu instructions=%lu\n", pair.operation->name,
                  to_string(pair.peers), pair.points, pair.events, pair.instructions);
    }
    sum_.print(" operations=" + std::to_string(pairs_.size()) +
               " instructions_stepped=" + std::to_string(stepped_) +
               " slowest_ms=" + std::to_string(static_cast<std::uint64_t>(slowest_ms_)));
    return sum_.good() ? 0 : 1;
  }

 private:
  void add(const Operation& operation) {
    if (options_.has("operation") && options_.text("operation") != operation.name) return;
    for (const Peers peers : all_peers) {
      if (options_.has("peers") && options_.text("peers") != to_string(peers)) continue;
      if (operation.no_bus && peers != Peers::idle) continue;  // there are none yet
      pairs_.push_back({&operation, peers});
    }
  }

  /// False when the operation was over before the target.
  bool one(Pair& pair, const Target& target) {
    const auto result = try_point(*pair.operation, pair.peers, target);
    ++pair.points;
    pair.instructions = std::max(pair.instructions, result.walk.instructions);
    pair.events = std::max(pair.events, result.walk.events);
    stepped_ += result.walk.instructions;
    slowest_ms_ = std::max(slowest_ms_, result.slowest_ms);
    sum_ += result.summary;
    if (!result.summary.good()) {
      std::printf(
          "FAILED seed=%lu: torture_step --operation %s --peers %s --event %lu (instruction "
          "%lu of it)\n%s",
          options_.seed(), pair.operation->name, to_string(pair.peers), result.walk.events,
          result.walk.instructions, result.problems.c_str());
      std::fflush(stdout);
    }
    return !result.walk.finished;
  }

  /// Event by event until the operation is over; and its whole length in instructions.
  void everything() {
    for (auto& pair : pairs_) {
      std::uint64_t event = 0;
      while (event < 5'000 && one(pair, {event, ~0ULL})) ++event;
      for (std::uint64_t i = 0; i < event / 4 + 1; ++i) {
        (void)one(pair, {~0ULL, random_() % (pair.instructions + 1)});
      }
      std::printf("%s %s: done\n", pair.operation->name, to_string(pair.peers));
      std::fflush(stdout);
    }
  }

  void samples() {
    const Stopwatch clock;
    const double limit = static_cast<double>(options_.number("seconds", 45)) * 1e3;
    for (int round = 0; round < 1 || clock.ms() < limit; ++round) {
      std::shuffle(pairs_.begin(), pairs_.end(), random_);
      for (auto& pair : pairs_) {
        if (round >= 1 && clock.ms() > limit) break;
        if (round == 0) {
          (void)one(pair, {});  // to the end: its length
        } else if (round % 4 == 3) {
          (void)one(pair, {~0ULL, random_() % (pair.instructions + 1)});
        } else {
          (void)one(pair, {random_() % (pair.events + 1), ~0ULL});
        }
      }
    }
  }

  const Options& options_;
  std::mt19937_64 random_;
  std::vector<Pair> pairs_;
  Summary sum_;
  std::uint64_t stepped_ = 0;
  double slowest_ms_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
#if !defined(__x86_64__)
  std::printf("skipped: recognises system calls of x86-64 only\n");
  return 77;
#endif
  const Options options(argc, argv, "seconds operation peers event instruction");
  std::printf("seed=%lu\n", options.seed());
  std::fflush(stdout);
  return Sweep(options).run();
}
