// Processes are killed at random moments, hundreds of times, while callers and handlers work at
// full speed. Two ledgers outside the segment say what each side saw: no command runs twice, one
// that was answered has run, one that was reported as not started has not. In the end nothing is in
// use.
#include <unistd.h>

#include <csignal>
#include <deque>
#include <memory>

#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/handler_process.hpp"
#include "support/seed.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t ids = 1U << 20U;

enum class Outcome : std::uint8_t {
  none,  ///< not sent, or its caller was killed before it was told
  ok,
  not_run,  ///< told so
  unknown,  ///< told that it may have run
  wrong,    ///< an answer that no handler gave
};

/// What happened, by command; written by the handlers and the callers, never read by the library.
struct Ledger {
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> stop{false};
  std::atomic<std::uint8_t> runs[ids];
  std::atomic<std::uint8_t> damaged[ids];
  std::atomic<Outcome> outcome[ids];
};

struct Request {
  std::uint64_t id;
  std::uint64_t check;
};

constexpr std::uint64_t check_of(std::uint64_t id) noexcept { return id * 0x9E3779B97F4A7C15ULL; }

/// Counts the run; the body must be whole. Answers with the checksum.
Status run_once(Ledger& ledger, Context& context) {
  const auto request = test::number_in<Request>(context.request());
  if (request.id >= ids) return Status::reject(1);
  ++ledger.runs[request.id];
  const auto rest = context.request().subspan(sizeof request);
  for (const auto byte : rest) {
    if (byte != static_cast<std::byte>(request.id)) ledger.damaged[request.id] = 1;
  }
  if (request.check != check_of(request.id)) ledger.damaged[request.id] = 1;
  return test::answer(context, test::raw(request.check));
}

Outcome outcome_of(const Result<ReplyView>& reply, std::uint64_t id) {
  if (reply) {
    return test::number_in<std::uint64_t>(reply->bytes()) == check_of(id) ? Outcome::ok
                                                                          : Outcome::wrong;
  }
  switch (reply.error().kind) {
    case ErrorKind::handler_died_after_start:
    case ErrorKind::timed_out:
      return Outcome::unknown;
    case ErrorKind::handler_died_before_start:
    case ErrorKind::not_registered:
    case ErrorKind::overloaded:
    case ErrorKind::limit_reached:
    case ErrorKind::cancelled:
      return Outcome::not_run;
    default:
      return Outcome::wrong;
  }
}

/// Calls with up to eight outstanding, of different sizes, now and then one-way.
int call_for_ever(const std::string& path, Ledger& ledger, std::uint64_t seed) {
  auto bus = Bus::open(path, {.label = "storm caller"});
  if (!bus) return 1;
  const auto patience = seed % 2 == 0 ? WhenVacant::wait : WhenVacant::fail;
  auto caller = bus->caller("run", {.when_vacant = patience});
  if (!caller) return 2;
  std::mt19937_64 random(seed);
  struct Under {
    std::uint64_t id;
    Pending pending;
  };
  std::deque<Under> under_way;
  while (!ledger.stop) {
    const std::uint64_t id = ledger.next++;
    if (id >= ids) break;
    std::vector<std::byte> body(sizeof(Request) + (random() % 4 == 0 ? random() % 3000 : 0),
                                static_cast<std::byte>(id));
    const Request head{id, check_of(id)};
    std::memcpy(body.data(), &head, sizeof head);
    if (random() % 16 == 0) {
      (void)caller->send(body, Notify::now, 2s);
      continue;
    }
    auto pending = caller->start(body, random() % 2 == 0 ? 8 : 100, 5s);
    if (pending) {
      under_way.push_back({id, std::move(*pending)});
    } else {
      ledger.outcome[id] = outcome_of(tl::unexpected<Error>(pending.error()), id);
      if (patience == WhenVacant::fail) test::nap(200us);
    }
    while (under_way.size() > random() % 8) {
      ledger.outcome[under_way.front().id] =
          outcome_of(under_way.front().pending.wait(), under_way.front().id);
      under_way.pop_front();
    }
  }
  for (auto& [id, pending] : under_way) ledger.outcome[id] = outcome_of(pending.wait(), id);
  return 0;
}

struct Verdict {
  std::uint64_t sent = 0, ok = 0, not_run = 0, unknown = 0, silent = 0;
  std::uint64_t twice = 0, damaged = 0, lied = 0;
};

Verdict judge(const Ledger& ledger) {
  Verdict v;
  v.sent = std::min<std::uint64_t>(ledger.next, ids);
  for (std::uint64_t i = 0; i < v.sent; ++i) {
    const auto runs = ledger.runs[i].load();
    v.twice += runs > 1 ? 1U : 0U;
    v.damaged += ledger.damaged[i];
    switch (ledger.outcome[i].load()) {
      case Outcome::none:
        ++v.silent;
        break;
      case Outcome::ok:
        ++v.ok;
        v.lied += runs == 1 ? 0U : 1U;
        break;
      case Outcome::not_run:
        ++v.not_run;
        v.lied += runs == 0 ? 0U : 1U;
        break;
      case Outcome::unknown:
        ++v.unknown;
        break;
      case Outcome::wrong:
        ++v.lied;
        break;
    }
  }
  return v;
}

class Storm {
 public:
  Storm(Order order, std::uint64_t seed) : order_(order), random_(seed) {}

  void rage(int kills, bool handlers_too, bool callers_too) {
    handler_ = start_handler();
    for (int i = 0; i < 3; ++i) callers_.push_back(start_caller());
    for (int i = 0; i < kills; ++i) {
      test::nap(std::chrono::microseconds(random_() % 4000));
      if (handlers_too && (!callers_too || random_() % 2 == 0)) {
        handler_.kill();
        handler_ = start_handler();
      } else {
        auto& victim = callers_[random_() % callers_.size()];
        victim.kill();
        victim = start_caller();
      }
    }
    ledger_->stop = true;
    for (auto& caller : callers_) CHECK(caller.wait(20s) == 0);
  }

  /// With one handler alive everything drains; then nothing is left in use.
  void check_clean() {
    auto bus = Bus::open(path_.path());
    REQUIRE_OK(bus);
    const auto watcher = test::join(path_.path());
    const test::Census expected{.participants = 3, .endpoints = 1};
    const bool clean = test::eventually([&] {
      (void)bus->reclaim();
      return test::census(watcher->view()) == expected;
    });
    CHECK(clean);
    CHECK(test::census(watcher->view()) == expected);
    handler_.kill();
    REQUIRE(test::eventually(
        [&] { return (void)bus->reclaim(), test::census(watcher->view()).participants == 2; }));
    CHECK(test::census(watcher->view()) == test::Census{.participants = 2});
  }

  Ledger& ledger() { return *ledger_; }

 private:
  test::Child start_handler() {
    return test::handler_process(
        path_.path(),
        test::handlers({{"run", [this](Context& c) { return run_once(*ledger_, c); }}}),
        {.label = "storm handler", .order = order_});
  }
  test::Child start_caller() {
    const auto seed = random_();
    return test::Child([this, seed] { return call_for_ever(path_.path(), *ledger_, seed); });
  }

  Order order_;
  std::mt19937_64 random_;
  test::TempBus path_;
  test::Shared<Ledger> ledger_;
  test::Child handler_{[] { return 0; }};
  std::vector<test::Child> callers_;
};

void storm(Order order, int kills, bool handlers_too, bool callers_too) {
  SHMBUS_RANDOM(random);
  Storm s(order, random());
  s.rage(kills, handlers_too, callers_too);
  const Verdict v = judge(s.ledger());
  INFO("sent=" << v.sent << " ok=" << v.ok << " not_run=" << v.not_run << " unknown=" << v.unknown
               << " silent=" << v.silent);
  CHECK(v.twice == 0);
  CHECK(v.damaged == 0);
  CHECK(v.lied == 0);
  CHECK(v.ok > 0);
  s.check_clean();
}

}  // namespace

TEST_CASE("storm: callers are killed 300 times", "[storm]") {
  storm(Order::per_caller, 300, false, true);
}
TEST_CASE("storm: handlers are killed 300 times", "[storm]") {
  storm(Order::per_caller, 300, true, false);
}
TEST_CASE("storm: both are killed 300 times", "[storm]") {
  storm(Order::per_caller, 300, true, true);
}
TEST_CASE("storm: both are killed 300 times under global order", "[storm]") {
  storm(Order::global, 300, true, true);
}
