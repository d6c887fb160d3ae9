#pragma once
// The vocabulary of one round: how long it may take, and what it found.

#include <optional>
#include <stdexcept>
#include <string>

#include "harness/latency_histogram.hpp"

namespace shmbus::bench {

struct RoundBudget {
  double measure_ns = 50e6;
  double warmup_ns = 5e6;
  double hang_limit_ns = 20e9;  ///< past this the round's processes are killed and it has failed
};

struct RoundResult {
  enum class Status {
    ok,
    skipped,  ///< something this machine lacks; never an error
    failed,   ///< data lost, a crash or a hang; the suite exits non-zero
  };
  Status status = Status::ok;
  std::string why;
  double value = 0;                         ///< the figure, in the entry's unit
  std::optional<LatencyHistogram> latency;  ///< in ticks; only where single calls were timed
  /// How long roles that could run waited for a core while they measured, all together.
  double core_wait_ns = 0;

  [[nodiscard]] static RoundResult of(double value) { return {Status::ok, {}, value, {}, 0}; }
  [[nodiscard]] static RoundResult skip(std::string why) {
    return {Status::skipped, std::move(why), 0, {}, 0};
  }
  [[nodiscard]] static RoundResult fail(std::string why) {
    return {Status::failed, std::move(why), 0, {}, 0};
  }
};

/// Thrown by a role that finds a facility missing or refused: the round is skipped.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Thrown by a role that finds a payload missing, repeated or damaged: the round has failed.
struct DataLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace shmbus::bench
