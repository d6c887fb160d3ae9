// What the short benchmark measures with: a pair of processes on two processors, a payload that
// both sides check word by word, and samples of single round trips, timed alike for the bus and for
// the bare floors beside it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "shmbus/options.hpp"

namespace shmbus::cli {

/// 40 bytes: the largest request that rides in a cell.
struct BenchBlock {
  std::uint64_t sequence = 0;
  std::array<std::uint64_t, 4> words{};

  static BenchBlock request(std::uint64_t sequence) noexcept;
  static BenchBlock reply(std::uint64_t sequence) noexcept;
  friend bool operator==(const BenchBlock&, const BenchBlock&) noexcept = default;
};
static_assert(sizeof(BenchBlock) == 40);

/// The two processors to use: {caller, handler}. Empty when there is only one.
std::vector<int> two_processors();
/// Lets this thread run on these alone. Nothing when there are none.
void run_on(std::span<const int> processors) noexcept;

/// A process that runs `body` and ends with its result. Killed, if need be, when this goes away,
/// and by the kernel when its parent does.
class Child {
 public:
  explicit Child(const std::function<int()>& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();
  /// Throws a Failure when the process did not end with 0.
  void wait(const char* what);

 private:
  pid_t pid_ = -1;
};

class Samples {
 public:
  explicit Samples(std::size_t expected) { ticks_.reserve(expected); }
  void add(std::uint64_t ticks) {
    if (ticks_.size() < ticks_.capacity()) ticks_.push_back(ticks);
  }
  [[nodiscard]] std::size_t count() const noexcept { return ticks_.size(); }
  /// Sorts what was taken.
  [[nodiscard]] double quantile_ns(double share);

 private:
  std::vector<std::uint64_t> ticks_;
};

struct BenchPlan {
  Duration per_case{};
  std::vector<int> processors;
};

struct BenchResult {
  std::string name;
  std::uint64_t operations = 0;
  double p50_ns = 0;  ///< of a round trip
  double p99_ns = 0;
  double per_s = 0;   ///< of one-way commands
  std::string floor;  ///< name of the case that `p50_ns` is divided by
};

/// The least that two processes can do: one cache line there and back.
BenchResult bench_floor_line(const BenchPlan& plan);
/// The same with a futex on either side.
BenchResult bench_floor_futex(const BenchPlan& plan);
BenchResult bench_calls(const BenchPlan& plan, WaitMode mode);
BenchResult bench_one_way(const BenchPlan& plan);

}  // namespace shmbus::cli
