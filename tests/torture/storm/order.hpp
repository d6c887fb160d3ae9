// In which order a handler may start what it is sent.
#pragma once

#include "torture/storm/book.hpp"
#include "torture/storm/weather.hpp"

namespace shmbus::torture {

/// Where a command came from.
struct Origin {
  std::uint32_t lane;
  std::uint32_t endpoint;
  std::uint64_t idle_at_ns;  ///< this handler had nothing started at that moment
};

/// Called by a handler at the start of each run. What is wrong goes into the book.
void check_order(Book& book, const Weather& weather, const Request& request, const Origin& from);

}  // namespace shmbus::torture
