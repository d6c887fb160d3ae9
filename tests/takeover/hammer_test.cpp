// One handler process replaces another, again and again, while callers hammer: nothing is lost,
// doubled, refused or told an error, and each caller's commands start in the order it sent them.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "support/census.hpp"
#include "takeover/world.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// Calls, one-way commands, several calls at a time, deferred ones, in a pattern of its own.
class Hammer {
 public:
  Hammer(Bus& bus, test::Ledger& ledger, std::uint32_t number)
      : ledger_(ledger),
        number_(number),
        work_(test::caller_of(bus, "work")),
        post_(test::caller_of(bus, "post")),
        later_(test::caller_of(bus, "later")) {}

  void strike() {
    const auto began = test::now_ns();
    const auto swap = static_cast<std::size_t>(ledger_.serving.load());
    switch ((sent_ / 3 + number_) % 4) {
      case 0:
        call();
        break;
      case 1:
        (void)good(post_.send(test::raw(next()), Notify::now, 30s));
        break;
      case 2:
        start_some(work_);
        break;
      case 3:
        start_some(later_);
        break;
    }
    const auto took = test::now_ns() - began;
    auto& longest = ledger_.longest_ns[std::min(swap, test::swaps_max)];
    for (auto seen = longest.load(); seen < took && !longest.compare_exchange_weak(seen, took);) {
    }
  }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t expected() const { return answers_; }
  [[nodiscard]] std::uint64_t lost() const { return post_.lost(); }

 private:
  test::Command next() {
    ++sent_;
    return {number_, static_cast<std::uint32_t>(sent_), ~0ULL - sent_};
  }
  template <class T>
  bool good(const Result<T>& result) {
    if (result) return true;
    ledger_.refused.fetch_add(1);
    if (ledger_.first_error.exchange(static_cast<int>(result.error().kind)) == 0) {
      std::fprintf(stderr, "caller %u: %s\n", number_, test::describe(result.error()).c_str());
    }
    return false;
  }
  void hear(std::uint64_t id, std::uint64_t back) {
    ++answers_;
    if (id == back) ledger_.answered.fetch_add(1);
  }
  void call() {
    const auto command = next();
    std::uint64_t back = 0;
    (void)good(work_.call(test::raw(command), test::raw(back), 30s));
    hear(command.id, back);
  }
  void start_some(RawCaller& caller) {
    std::vector<std::pair<std::uint64_t, Pending>> under_way;
    for (int i = 0; i < 3; ++i) {
      const auto command = next();
      auto pending = caller.start(test::raw(command), 8, 30s);
      if (good(pending)) under_way.emplace_back(command.id, std::move(*pending));
    }
    for (auto& [id, pending] : under_way) {
      const auto reply = pending.wait();
      hear(id, good(reply) ? test::number_in<std::uint64_t>(reply->bytes()) : 0);
    }
  }

  test::Ledger& ledger_;
  std::uint32_t number_;
  RawCaller work_, post_, later_;
  std::uint64_t sent_ = 0;
  std::uint64_t answers_ = 0;
};

int hammer(const std::string& path, test::Ledger& ledger, std::uint32_t number) {
  auto bus = Bus::open(path, {.label = "caller"});
  if (!bus) return 20;
  Hammer one(*bus, ledger, number);
  while (!ledger.stop) one.strike();
  std::uint64_t back = 0;  // what was sent one-way lies before it
  auto last = test::caller_of(*bus, "work");
  if (!last.call(test::raw(test::Command{number, 0, ~0ULL}), test::raw(back), 30s)) return 21;
  if (ledger.last[number] != one.sent()) return 22;
  if (one.lost() != 0) return 23;
  ledger.callers_done.fetch_add(1);
  return 0;
}

int swaps_wanted(int by_default) {
  const char* text = std::getenv("SHMBUS_TAKEOVER_SWAPS");
  const int wanted = text != nullptr ? std::atoi(text) : by_default;
  return std::clamp(wanted, 1, static_cast<int>(test::swaps_max));
}

void print_pauses(const test::Ledger& ledger, int swaps, std::uint64_t commands, double seconds) {
  std::vector<double> pauses;
  for (int i = 1; i <= swaps; ++i) pauses.push_back(double(ledger.longest_ns[i].load()) / 1e3);
  std::sort(pauses.begin(), pauses.end());
  const auto at = [&](double share) {
    return pauses[std::min(pauses.size() - 1, std::size_t(share * double(pauses.size())))];
  };
  std::printf(
      "%d swaps in %.1f s, %llu commands; the longest call of each swap: p50 %.0f us, p90 %.0f us, "
      "p99 %.0f us, max %.0f us\n",
      swaps, seconds, static_cast<unsigned long long>(commands), at(0.5), at(0.9), at(0.99),
      pauses.back());
  std::fflush(stdout);
}

void swap_under_fire(int swaps, std::uint32_t callers, Order order) {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto owner = test::handler(path.path(), *ledger, {.generation = 1, .order = order});
  REQUIRE(test::served_by(*ledger, 1));
  std::vector<test::Child> hammers;
  for (std::uint32_t i = 0; i < callers; ++i) {
    hammers.emplace_back([&, i] { return hammer(path.path(), *ledger, i); });
  }
  const test::Stopwatch watch;
  for (int swap = 1; swap <= swaps; ++swap) {
    auto next = test::handler(path.path(), *ledger,
                              {.generation = swap + 1, .take_over = true, .order = order});
    if (!test::served_by(*ledger, swap + 1)) {
      FAIL("swap " << swap << ": " << to_string(static_cast<ErrorKind>(ledger->result.load())));
    }
    if (const int code = owner.wait(20s); code != 0) FAIL("swap " << swap << ": exit " << code);
    owner = std::move(next);
  }
  const double seconds = watch.ms() / 1e3;
  ledger->stop = true;
  for (auto& one : hammers) CHECK(one.wait(60s) == 0);
  ledger->stop_handlers = true;
  CHECK(owner.wait(20s) == 0);
  CHECK(ledger->callers_done == int(callers));
  CHECK(ledger->out_of_order == 0);
  CHECK(ledger->refused == 0);
  CHECK(ledger->first_error == 0);
  print_pauses(*ledger, swaps, ledger->runs, seconds);

  auto bus = test::join(path.path());
  auto reclaimer = Bus::open(path.path());
  REQUIRE_OK(reclaimer);
  (void)reclaimer->reclaim();
  const auto left = test::census(bus->view());
  INFO(left);
  CHECK(left.lanes == 0);
  CHECK(left.endpoints == 0);
  CHECK(left.participants == 2);
}

}  // namespace

TEST_CASE("many swaps between processes under fire: nothing lost, doubled, refused or reordered",
          "[takeover]") {
  swap_under_fire(swaps_wanted(200), 3, Order::per_caller);
}

TEST_CASE("swaps of a server with global order", "[takeover]") {
  swap_under_fire(swaps_wanted(20), 2, Order::global);
}
