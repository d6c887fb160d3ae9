// Sending a recording again, at a pace, and timing every answer.
//
// A latency counts from the moment at which the command was due, not from when it was sent: what a
// slow handler holds up shows in the figures of those behind it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/recording.hpp"
#include "shmbus/shmbus.hpp"
#include "stats/histogram.hpp"

namespace shmbus::cli {

enum class Pace : std::uint8_t {
  as_recorded,
  evenly,    ///< at a rate
  flat_out,  ///< the next as soon as there is room
};

struct ReplayPlan {
  Pace pace = Pace::as_recorded;
  double rate = 0;  ///< per second, when evenly
  std::uint64_t loops = 1;
  std::uint32_t window = 32;  ///< calls under way
  Duration timeout = default_timeout;
};

struct ReplayTotals {
  std::uint64_t sent = 0;
  std::uint64_t one_way = 0;
  std::uint64_t answered = 0;
  std::uint64_t left_out = 0;                ///< cut when they were recorded
  std::map<std::string, std::uint64_t> why;  ///< errors by kind
  stats::Counts latency;
  std::uint64_t max_ns = 0;
  std::uint64_t max_late_ns = 0;  ///< sent so long after it was due
  std::uint64_t took_ns = 0;
};

class Replay {
 public:
  /// Throws a Failure when a name of the recording has no caller.
  Replay(Bus& bus, const std::string& path, const Recording& recording, const ReplayPlan& plan);
  /// Until all is sent and answered, or the user interrupts.
  void run();
  /// By name, in the order of the recording.
  [[nodiscard]] const std::vector<ReplayTotals>& totals() const noexcept { return totals_; }
  [[nodiscard]] ReplayTotals all() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct UnderWay {
    Pending pending;
    std::uint32_t name = 0;
    Clock::time_point due;
  };
  void make_callers(Bus& bus, const std::string& path);
  void send(const RecordedCommand& command, Clock::time_point due);
  /// Takes in what was answered; true when that was anything.
  bool harvest();
  void finish(UnderWay& one);
  void wait_until(Clock::time_point due);
  void wait_for_room(std::size_t below);
  void fail_one(std::uint32_t name, const Error& error);

  const Recording* recording_;
  ReplayPlan plan_;
  std::vector<RawCaller> callers_;
  std::vector<std::size_t> reply_room_;
  std::vector<ReplayTotals> totals_;
  std::deque<UnderWay> under_way_;
  std::uint64_t took_ns_ = 0;
};

}  // namespace shmbus::cli
