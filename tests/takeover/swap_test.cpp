// The handler of a name is exchanged while callers hammer it: every command is run once, by one of
// the two, in its caller's order, and none is refused. How long an exchange holds up the traffic is
// printed.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <memory>
#include <stop_token>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

constexpr std::uint32_t callers = 3;
constexpr std::uint64_t swaps = 10'000;

struct Ask {
  std::uint32_t caller = 0;
  std::uint32_t pad = 0;
  std::uint64_t sequence = 0;
};
struct Answer {
  std::uint64_t sequence = 0;
  std::uint64_t version = 0;  ///< of the handler that ran it
};
using Count = Command<"count", Ask, Answer>;

/// Round trips by power of two of nanoseconds.
struct Times {
  std::array<std::uint64_t, 40> below{};
  std::uint64_t max_ns = 0;
  void add(std::uint64_t ns) {
    ++below[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(ns)), 39)];
    max_ns = std::max(max_ns, ns);
  }
};

struct Book {
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> ready{0};
  struct Line {
    std::atomic<std::uint64_t> asked{0};
    std::atomic<std::uint64_t> answered{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> wrong{0};      ///< answers that are not the next one in order
    std::atomic<std::uint64_t> backwards{0};  ///< answered by an older handler than the last one
    Times times;
  };
  std::array<Line, callers> lines;
};

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// Asks as fast as it can, with some under way all the time, until it is told to stop.
int ask_for_ever(const std::string& path, Book& book, std::uint32_t me) {
  auto bus = Bus::open(path, {.label = "asker"});
  if (!bus) return 1;
  auto count = bus->caller<Count>({.when_vacant = WhenVacant::wait});
  if (!count) return 2;
  auto& line = book.lines[me];
  struct Under {
    std::uint64_t began;
    TypedPending<Answer> pending;
  };
  std::vector<Under> under_way;
  std::uint64_t expected = 0;
  std::uint64_t version = 0;
  ++book.ready;
  const auto settle = [&](Under& one) {
    const auto answer = one.pending.wait();
    if (!answer) {
      ++line.refused;
      return;
    }
    line.times.add(now_ns() - one.began);
    if ((*answer)->sequence != expected) ++line.wrong;
    if ((*answer)->version < version) ++line.backwards;
    version = (*answer)->version;
    expected = (*answer)->sequence + 1;
    ++line.answered;
  };
  while (!book.stop) {
    for (int i = 0; i < 8; ++i) {
      auto pending = count->start({.caller = me, .sequence = line.asked}, 30s);
      if (!pending) {
        ++line.refused;
        continue;
      }
      ++line.asked;
      under_way.push_back({now_ns(), std::move(*pending)});
    }
    for (auto& one : under_way) settle(one);
    under_way.clear();
  }
  return line.refused == 0 && line.wrong == 0 ? 0 : 3;
}

/// What the handlers of all versions saw, in the one thread that runs them.
struct Seen {
  std::array<std::uint64_t, callers> next{};
  std::uint64_t doubled = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t alive = 0;  ///< handler objects
};

/// One version of the handler. Counts itself, so that none is forgotten.
class Version {
 public:
  Version(Seen& seen, std::uint64_t version) : seen_(&seen), version_(version) { ++seen.alive; }
  Version(Version&& other) noexcept : seen_(other.seen_), version_(other.version_) {
    ++seen_->alive;
  }
  Version(const Version&) = delete;
  Version& operator=(const Version&) = delete;
  ~Version() { --seen_->alive; }
  void operator()(const Ask& ask, Answer& answer) const {
    auto& next = seen_->next[ask.caller % callers];
    if (ask.sequence < next) ++seen_->doubled;
    if (ask.sequence > next) ++seen_->out_of_order;
    next = ask.sequence + 1;
    answer = {ask.sequence, version_};
  }

 private:
  Seen* seen_;
  std::uint64_t version_;
};

std::string quantiles(std::vector<std::uint64_t>& ns) {
  std::sort(ns.begin(), ns.end());
  const auto at = [&](double q) {
    return static_cast<double>(
               ns[static_cast<std::size_t>(q * static_cast<double>(ns.size() - 1))]) /
           1000;
  };
  std::array<char, 120> text{};
  std::snprintf(text.data(), text.size(), "p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us",
                at(0.5), at(0.99), at(0.999), at(1));
  return text.data();
}

void print_round_trips(const Book& book) {
  Times all;
  std::uint64_t total = 0;
  for (const auto& line : book.lines) {
    for (std::size_t i = 0; i < all.below.size(); ++i) all.below[i] += line.times.below[i];
    all.max_ns = std::max(all.max_ns, line.times.max_ns);
  }
  for (const auto n : all.below) total += n;
  const auto below = [&](double q) -> unsigned long long {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < all.below.size(); ++i) {
      sum += all.below[i];
      if (static_cast<double>(sum) >= q * static_cast<double>(total)) return 1ULL << i;
    }
    return all.max_ns;
  };
  std::printf("  round trips: %llu, p50 < %llu ns, p99 < %llu ns, p99.99 < %llu ns, max %llu ns\n",
              static_cast<unsigned long long>(total), below(0.5), below(0.99), below(0.9999),
              static_cast<unsigned long long>(all.max_ns));
}

Bus open_bus(const std::string& path) {
  auto bus = Bus::open(path, {.label = "swapper"});
  if (!bus) FAIL(describe(bus.error()));
  return std::move(*bus);
}
Server serve(Bus& bus, const ServeOptions& options = {}) {
  auto server = bus.serve(options);
  if (!server) FAIL(describe(server.error()));
  return std::move(*server);
}

}  // namespace

TEST_CASE("ten thousand exchanges under load lose, double, refuse and reorder nothing") {
  const TempBus place;
  const Shared<Book> book;
  std::vector<Child> askers;
  for (std::uint32_t i = 0; i < callers; ++i) {
    askers.emplace_back([&, i] { return ask_for_ever(place.path(), *book, i); });
  }
  Bus bus = open_bus(place.path());
  Server server = serve(bus, {.label = "swapped"});
  Seen seen;
  REQUIRE_OK(server.on<Count>(Version(seen, 0)));
  std::stop_source stop;
  Result<void> ended;
  std::thread serving([&] { ended = server.run(stop.get_token()); });
  REQUIRE(eventually([&] { return book->ready == callers; }, 20s));

  std::vector<std::uint64_t> until_installed;
  until_installed.reserve(swaps);
  std::uint64_t failed = 0;
  for (std::uint64_t version = 1; version <= swaps; ++version) {
    const auto began = now_ns();
    const auto swap = server.replace<Count>(Version(seen, version));
    if (!swap || !swap->wait(SwapStage::gone, 30s)) {
      ++failed;
      break;
    }
    until_installed.push_back(now_ns() - began);
  }
  book->stop = true;
  for (auto& asker : askers) CHECK(asker.wait() == 0);
  stop.request_stop();
  serving.join();
  CHECK_OK(ended);

  CHECK(failed == 0);
  CHECK(until_installed.size() == swaps);
  CHECK(seen.doubled == 0);
  CHECK(seen.out_of_order == 0);
  CHECK(seen.alive == 1);
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < callers; ++i) {
    const auto& line = book->lines[i];
    INFO("caller " << i);
    CHECK(line.refused == 0);
    CHECK(line.wrong == 0);
    CHECK(line.backwards == 0);
    CHECK(line.answered == line.asked);
    CHECK(seen.next[i] == line.asked);
    total += line.answered;
  }
  CHECK(total > swaps);
  std::printf("%llu exchanges, %llu commands of %u callers, none lost\n",
              static_cast<unsigned long long>(until_installed.size()),
              static_cast<unsigned long long>(total), callers);
  std::printf("  asked for to old one gone: %s\n", quantiles(until_installed).c_str());
  print_round_trips(*book);
}

TEST_CASE("an exchange on the serving thread: what it holds up") {
  const TempBus place;
  Bus bus = open_bus(place.path());
  Server server = serve(bus);
  Seen seen;
  REQUIRE_OK(server.on<Count>(Version(seen, 0)));
  std::vector<std::uint64_t> pauses;
  for (std::uint64_t version = 1; version <= swaps; ++version) {
    REQUIRE_OK(server.replace<Count>(Version(seen, version)));
    const auto began = now_ns();
    REQUIRE_OK(server.poll());  // installs it, runs nothing
    pauses.push_back(now_ns() - began);
  }
  CHECK(seen.alive == 1);
  std::printf("pause of an exchange between two commands: %s\n", quantiles(pauses).c_str());
}

TEST_CASE("a server that sleeps is woken to exchange its handler") {
  const TempBus place;
  Bus bus = open_bus(place.path());
  Server server = serve(bus, {.wait = WaitMode::blocking});
  Seen seen;
  REQUIRE_OK(server.on<Count>(Version(seen, 0)));
  std::stop_source stop;
  std::thread serving([&] { (void)server.run(stop.get_token()); });
  std::vector<double> ms;
  for (std::uint64_t version = 1; version <= 20; ++version) {
    nap(5ms);
    const Stopwatch watch;
    const auto swap = server.replace<Count>(Version(seen, version));
    REQUIRE_OK(swap);
    CHECK(swap->wait(SwapStage::gone, 5s));
    ms.push_back(watch.ms());
  }
  stop.request_stop();
  serving.join();
  std::sort(ms.begin(), ms.end());
  CHECK(ms[10] < 100);  // its sleep is sliced by 500 ms: it did not just wake by itself
}
