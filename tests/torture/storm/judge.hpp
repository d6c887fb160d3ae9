// Holds what the callers were told against what the handlers ran.
#pragma once

#include "torture/storm/book.hpp"
#include "torture/storm/weather.hpp"
#include "torture/support/summary.hpp"

namespace shmbus::torture {

struct Tally {
  std::uint64_t sent = 0, ok = 0, not_run = 0, died = 0, dropped = 0, gave_up = 0, one_way = 0;
  std::uint64_t untold = 0;  ///< their caller was killed first
};

/// Adds what is wrong to `summary` and prints the first few of each kind.
Tally judge(const Book& book, const Weather& weather, Summary& summary);

}  // namespace shmbus::torture
