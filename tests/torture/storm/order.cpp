// What is promised: in one lane commands start in the order in which they were sent, the process
// that runs them. All that one caller sends starts in that order, also over several lanes, unless
// it calls a group without being pinned. Under global order none starts at an endpoint after one
// whose publish began when its own was over.
//
// A start is the store of the cursor; a handler notes it a moment later, and can be stopped or lose
// the processor in between. For one handler at a time that changes nothing. Of several, one may
// note an earlier command after another has noted a later one, although both started in order. So
// there a late note counts only if this handler had nothing started when the later one was noted.
#include "torture/storm/order.hpp"

#include <cstdio>

namespace shmbus::torture {
namespace {

constexpr std::uint64_t time_bits = 40;  // microseconds of one round

void misordered(Book& book, const Request& request, const char* why, std::uint64_t after) {
  if (book.misordered++ >= 5) return;
  std::printf("  command %lu (number %u) of caller life %u started out of order (%s), after %lu\n",
              request.id, request.index, request.life, why, after);
  std::fflush(stdout);
}

void check_lane(Book& book, const Request& request, std::uint32_t lane) {
  const std::uint64_t mine = std::uint64_t{request.life} << 32U | request.index;
  const std::uint64_t last = book.last_in_lane[lane % lanes_max].exchange(mine);
  if (last >> 32U == request.life && last >= mine) {
    misordered(book, request, "its lane's", last & 0xFFFFFFFFU);
  }
}

std::uint64_t us_of(const Book& book, std::uint64_t ns) { return (ns - book.began_ns) / 1'000; }

void check_several_handlers(Book& book, const Request& request, std::uint64_t idle_at_ns) {
  auto& newest = book.lives[request.life].newest;
  const std::uint64_t mine = std::uint64_t{request.index} << time_bits | us_of(book, now_ns());
  std::uint64_t seen = newest;
  while (seen >> time_bits < request.index) {
    if (newest.compare_exchange_weak(seen, mine)) return;
  }
  const std::uint64_t noted = seen & ((1ULL << time_bits) - 1);
  if (noted + 1 < us_of(book, idle_at_ns)) {
    misordered(book, request, "its caller's, over several handlers", seen >> time_bits);
  }
}

void check_caller(Book& book, const Request& request) {
  const std::uint32_t last = book.lives[request.life].last_started.exchange(request.index);
  if (last >= request.index) misordered(book, request, "its caller's", last);
}

void check_all_callers(Book& book, const Request& request, std::uint32_t slot) {
  const std::uint64_t over = book.published_at[request.id];
  auto& newest = book.newest_started[slot % endpoints_max];
  if (over != 0 && over < newest) misordered(book, request, "all callers'", newest - over);
  if (request.stamp > newest) newest = request.stamp;
}

}  // namespace

void check_order(Book& book, const Weather& weather, const Request& request, const Origin& from) {
  check_lane(book, request, from.lane);
  if (!weather.shared()) {
    check_caller(book, request);
  } else if (request.in_order != 0) {
    check_several_handlers(book, request, from.idle_at_ns);
  }
  if (weather.order != Order::global) return;
  // Of a name that one serves, the order holds wherever its slot is.
  const bool one_seat = weather.handlers == 1 && !weather.shared();
  check_all_callers(book, request, one_seat ? 0 : from.endpoint);
}

}  // namespace shmbus::torture
