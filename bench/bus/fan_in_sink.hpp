#pragma once
// The handler's half of a fan-in: tells the callers apart, checks that each one's commands arrive
// complete and in order, and counts them within a window of time.

#include <algorithm>
#include <vector>

#include "bus/commands.hpp"
#include "bus/fan_in.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {

inline constexpr std::size_t kFanInBytes = 32;
// Of a payload: above it says which caller, below its sequence number.
inline constexpr unsigned kSeedShift = 40;

constexpr std::uint64_t base_of(unsigned producer) {
  return static_cast<std::uint64_t>(producer + 1) << kSeedShift;
}

class FanInSink {
 public:
  FanInSink(unsigned producers, const RoundBudget& budget) : window_ns_(0.8 * budget.measure_ns) {
    for (unsigned i = 0; i < producers; ++i) {
      streams_.emplace_back(base_of(i));
    }
    began_ = now_ticks();
    next_mark_ = began_ + ns_to_ticks(budget.warmup_ns + 0.1 * budget.measure_ns);
  }

  /// False when every caller has ended.
  [[nodiscard]] bool take(const Block<kFanInBytes>& block) {
    if (payload::is_end(block.bytes())) [[unlikely]] {
      if (++ended_ < streams_.size()) {
        return true;
      }
      finish();
      return false;
    }
    const std::uint64_t producer = (block.words[0] >> kSeedShift) - 1;
    if (producer >= streams_.size() || !streams_[producer].take(block.bytes())) [[unlikely]] {
      throw_lost("message", total_);
    }
    constexpr std::uint64_t kBetweenClockReadings = 64;
    if (++total_ % kBetweenClockReadings == 0 && marks_.size() < 2) {
      mark_if_due();
    }
    return true;
  }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

  [[nodiscard]] double figure(FanInFigure wanted) const {
    double sum = 0;
    double least = 0;
    double most = 0;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      const auto count = static_cast<double>(marks_[1].counts[i] - marks_[0].counts[i]);
      least = i == 0 ? count : std::min(least, count);
      most = std::max(most, count);
      sum += count;
    }
    if (wanted == FanInFigure::fairness) {
      return most > 0 ? least / most : 0;
    }
    return sum * 1e9 / ticks_to_ns(marks_[1].at - marks_[0].at);
  }

 private:
  struct Mark {
    Ticks at;
    std::vector<std::uint64_t> counts;
  };

  void mark(Ticks now) {
    marks_.push_back({now, {}});
    for (const auto& stream : streams_) {
      marks_.back().counts.push_back(stream.count());
    }
    next_mark_ = now + ns_to_ticks(window_ns_);
  }
  void mark_if_due() {
    if (const Ticks now = now_ticks(); now >= next_mark_) {
      mark(now);
    }
  }
  // A busy machine may start us so late that the callers end first: then all they sent counts.
  void finish() {
    if (marks_.empty()) {
      marks_.push_back({began_, std::vector<std::uint64_t>(streams_.size())});
    }
    if (marks_.size() == 1) {
      mark(now_ticks());
    }
  }

  double window_ns_;
  Ticks began_ = 0;
  std::vector<StreamChecker<kFanInBytes>> streams_;
  std::vector<Mark> marks_;
  Ticks next_mark_ = 0;
  std::uint64_t total_ = 0;
  std::size_t ended_ = 0;
};

}  // namespace shmbus::bench
