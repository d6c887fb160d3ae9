// What a stage tried and how it ended; its last line is what scripts/torture adds up.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace shmbus::torture {

struct Summary {
  std::uint64_t points = 0;      ///< moments at which something was done to somebody
  std::uint64_t recovered = 0;   ///< those after which all went on as promised
  std::uint64_t lost = 0;        ///< commands neither run nor reported, or reported wrongly
  std::uint64_t duplicated = 0;  ///< run twice, or run although reported as not run
  std::uint64_t hung = 0;        ///< waits beyond what is promised
  std::uint64_t leaked = 0;      ///< slots, endpoints, lanes, memory, locks, files left over
  std::uint64_t other = 0;       ///< what else is wrong: order, the doctor's findings

  [[nodiscard]] bool good() const noexcept {
    return lost + duplicated + hung + leaked + other == 0 && recovered == points;
  }
  Summary& operator+=(const Summary& more) noexcept {
    points += more.points;
    recovered += more.recovered;
    lost += more.lost;
    duplicated += more.duplicated;
    hung += more.hung;
    leaked += more.leaked;
    other += more.other;
    return *this;
  }
  /// `more`: further counters, " name=value" each.
  void print(const std::string& more = {}) const {
    std::printf(
        "points=%lu recovered=%lu lost=%lu duplicated=%lu hung=%lu leaked=%lu other=%lu%s\n",
        points, recovered, lost, duplicated, hung, leaked, other, more.c_str());
    std::fflush(stdout);
  }
};

/// Milliseconds since it was made.
class Stopwatch {
 public:
  [[nodiscard]] double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace shmbus::torture
