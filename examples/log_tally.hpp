// What log_replay counts and measures, and the table that it prints at the end.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <shmbus/shmbus.hpp>
#include <string>
#include <vector>

#include "log_reader.hpp"

using Clock = std::chrono::steady_clock;

struct Tally {
  std::uint64_t replies = 0;
  std::uint64_t again = 0;                            ///< sent again after being told
  std::map<shmbus::ErrorKind, std::uint64_t> errors;  ///< told, by kind
  std::uint64_t damaged = 0;                          ///< bytes that are not what the record says
};

/// The time from sending a command to holding its reply, by kind of command.
class Latencies {
 public:
  void add(const log_reader::Entry& entry, Clock::duration took) {
    Row& row = rows_[entry.name];
    row.bytes += entry.payload.size();
    row.us.push_back(std::chrono::duration<double, std::micro>(took).count());
  }

  void print() {
    std::printf("%-14s %7s %10s %9s %9s %9s\n", "command", "count", "avg bytes", "p50 us", "p99 us",
                "max us");
    for (auto& [name, row] : rows_) {
      std::sort(row.us.begin(), row.us.end());
      std::printf("%-14s %7zu %10zu %9.1f %9.1f %9.1f\n", name.c_str(), row.us.size(),
                  row.bytes / row.us.size(), row.at(0.50), row.at(0.99), row.us.back());
    }
  }

 private:
  struct Row {
    std::size_t bytes = 0;
    std::vector<double> us;
    [[nodiscard]] double at(double share) const {
      return us[static_cast<std::size_t>(share * static_cast<double>(us.size() - 1))];
    }
  };
  std::map<std::string, Row> rows_;
};
