// Blue, green and who recovers them are killed at every step of a take-over. Whatever was started
// ran once and its caller was told what became of it; whatever was not runs in the process that
// comes next.
#include <cstdio>

#include "support/census.hpp"
#include "takeover/world.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

enum class Victim : std::uint8_t { blue, green };

struct Kill {
  Victim who;
  const char* point;
};

constexpr Kill kills[] = {
    {Victim::blue, "hand_over.draining"}, {Victim::blue, "hand_over.given"},
    {Victim::blue, "hand_over.told"},     {Victim::blue, "hand_over.drained"},
    {Victim::green, "take_over.asked"},   {Victim::green, "take_over.rung"},
    {Victim::green, "take_over.given"},   {Victim::green, "take_over.moved_in"},
    {Victim::green, "take_over.bound"},
};

/// What one caller has heard of its commands, by id.
struct Books {
  test::Ledger& ledger;
  int ok = 0, unknown = 0, not_run = 0;

  void close(std::uint64_t id, ErrorKind kind) {
    INFO("command " << id << ": " << to_string(kind));
    const int runs = ledger.run_count[id];
    CHECK(runs <= 1);
    switch (kind) {
      case ErrorKind::none:
        ++ok;
        CHECK(runs == 1);
        break;
      case ErrorKind::handler_died_after_start:
        ++unknown;
        break;
      case ErrorKind::handler_died_before_start:
      case ErrorKind::not_registered:
        ++not_run;
        CHECK(runs == 0);
        break;
      default:
        FAIL_CHECK("it was told something else");
    }
  }
};

/// Deferred commands are under way at blue, others queue up while green comes; one of them dies.
void kill_one(const Kill& kill) {
  INFO(kill.point << (kill.who == Victim::blue ? " of blue" : " of green"));
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  test::Role blue{.generation = 1, .answer_at_once = false};
  test::Role green{.generation = 2, .take_over = true, .within = 2s};
  (kill.who == Victim::blue ? blue : green).die_at = kill.point;
  auto first = test::handler(path.path(), *ledger, blue);
  REQUIRE(test::served_by(*ledger, 1));
  auto bus = test::open_when_served(path.path(), "work");
  auto work = test::caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
  auto later = test::caller_of(bus, "later", {.when_vacant = WhenVacant::wait});

  std::uint64_t id = 0;
  std::vector<std::pair<std::uint64_t, Pending>> under_way;
  const auto start = [&](RawCaller& caller) {
    auto pending = caller.start(test::raw(test::Command{0, 0, id}), 8, 20s);
    REQUIRE_OK(pending);
    under_way.emplace_back(id++, std::move(*pending));
  };
  for (int i = 0; i < 4; ++i) start(later);
  REQUIRE(test::eventually([&] { return ledger->deferred == 4; }));
  auto second = test::handler(path.path(), *ledger, green);
  auto& victim = kill.who == Victim::blue ? first : second;
  for (int i = 0; i < 8; ++i) start(work);
  // Blue answers once green has come, or one of them has died of it.
  test::nap(30ms);
  for (int i = 0; i < 4; ++i) start(work);
  ledger->answer = true;
  CHECK(victim.wait(10s) == test::ended_by(SIGKILL));

  // A third comes, for what is left: it takes over from the process that serves, or from nobody.
  auto third = test::handler(path.path(), *ledger, {.generation = 3, .take_over = true});
  REQUIRE(test::served_by(*ledger, 3));
  Books books{*ledger};
  for (auto& [number, pending] : under_way) {
    const test::Stopwatch watch;
    books.close(number, test::kind(pending.wait()));
    CHECK(watch.ms() < 5000);
  }
  CHECK(books.ok + books.unknown + books.not_run == 16);
  CHECK(books.not_run == 0);  // all of them would wait for a successor
  CHECK(books.unknown <= 5);  // the deferred ones, and one that ran
  std::uint64_t back = 0;
  CHECK_OK(work.call(test::raw(test::Command{0, 0, id}), test::raw(back), 5s));
  CHECK(back == id);
  ledger->stop_handlers = true;
  CHECK(third.wait(20s) == 0);
  (void)first.wait(20s);
  (void)second.wait(20s);

  under_way.clear();
  work = {};
  later = {};
  bus = {};
  auto last = test::join(path.path());
  auto reclaimer = Bus::open(path.path());
  REQUIRE_OK(reclaimer);
  (void)reclaimer->reclaim();
  const auto left = test::census(last->view());
  INFO(left);
  CHECK(left.lanes == 0);
  CHECK(left.endpoints == 0);
  CHECK(left.participants == 2);
  for (std::uint32_t i = 0; i < last->view().capacities().endpoints; ++i) {
    const auto& control = last->view().endpoint(i).control;
    CHECK(control.draining.load() == 0);
    CHECK(layout::ControlWord{control.control.load()}.standby().nobody());
  }
}

}  // namespace

TEST_CASE("killed at every step of a take-over", "[takeover]") {
  for (const auto& kill : kills) kill_one(kill);
}

TEST_CASE("blue dies while it drains: those who wait for it are told, green's own go on",
          "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {.generation = 1, .answer_at_once = false});
  REQUIRE(test::served_by(*ledger, 1));
  auto bus = test::open_when_served(path.path(), "work");
  auto later = test::caller_of(bus, "later");
  auto of_blue = later.start(test::raw(test::Command{0, 0, 1}), 8, 20s);
  REQUIRE_OK(of_blue);
  REQUIRE(test::eventually([&] { return ledger->deferred == 1; }));
  auto green = test::handler(path.path(), *ledger,
                             {.generation = 2, .take_over = true, .answer_at_once = false});
  REQUIRE(test::served_by(*ledger, 2));
  auto of_green = later.start(test::raw(test::Command{0, 0, 2}), 8, 20s);
  REQUIRE_OK(of_green);
  REQUIRE(test::eventually([&] { return ledger->deferred == 2; }));

  SECTION("blue dies") {
    blue.kill();
    const test::Stopwatch watch;
    CHECK(test::kind(of_blue->wait()) == ErrorKind::handler_died_after_start);
    CHECK(watch.ms() < 500);
    CHECK_FALSE(of_green->ready());
    ledger->answer = true;
    CHECK_OK(of_green->wait());
  }
  SECTION("green dies: blue still answers its own") {
    green.kill();
    CHECK(test::kind(of_green->wait()) == ErrorKind::handler_died_after_start);
    CHECK_FALSE(of_blue->ready());
    // A successor sits down beside the one that drains, and dies too.
    auto red = test::handler(path.path(), *ledger,
                             {.generation = 3, .take_over = true, .answer_at_once = false});
    REQUIRE(test::served_by(*ledger, 3));
    auto of_red = later.start(test::raw(test::Command{0, 0, 3}), 8, 20s);
    REQUIRE_OK(of_red);
    REQUIRE(test::eventually([&] { return ledger->deferred == 3; }));
    red.kill();
    CHECK(test::kind(of_red->wait()) == ErrorKind::handler_died_after_start);
    CHECK_FALSE(of_blue->ready());
    ledger->answer = true;
    CHECK_OK(of_blue->wait());
    CHECK(blue.wait(5s) == 0);
  }
  SECTION("both die") {
    blue.kill();
    green.kill();
    CHECK(test::kind(of_blue->wait()) == ErrorKind::handler_died_after_start);
    CHECK(test::kind(of_green->wait()) == ErrorKind::handler_died_after_start);
  }
  SECTION("the caller goes meanwhile: its lane is not freed under blue's hands") {
    of_blue = tl::unexpected<Error>(Error{});
    of_green = tl::unexpected<Error>(Error{});
    later = {};
    bus = {};
    ledger->answer = true;
    CHECK(blue.wait(5s) == 0);
    auto view = test::join(path.path());
    CHECK(test::eventually([&] { return test::census(view->view()).lanes == 0; }));
  }
}

TEST_CASE("an owner that gives its endpoint and dies at once has given it", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {.generation = 1});
  REQUIRE(test::served_by(*ledger, 1));
  blue.signal(SIGSTOP);
  // Green has asked, looks again, and stops before it checks whether blue lives.
  auto green = test::handler(
      path.path(), *ledger,
      {.generation = 2, .take_over = true, .stop_at = "take_over.looked", .stop_after_passes = 1});
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  const auto watcher = test::join(path.path());
  const auto held = [&] {
    const auto& control = watcher->view().endpoint(0).control;
    return layout::ControlWord{control.control.load()};
  };
  const auto owner = held().holder();
  const auto standby = held().standby();
  REQUIRE_FALSE(standby.nobody());
  blue.signal(SIGCONT);
  REQUIRE(test::eventually([&] { return held().holder() == standby; }));
  CHECK(owner != standby);
  blue.kill();
  green.signal(SIGCONT);
  REQUIRE(test::served_by(*ledger, 2));
  auto bus = test::open_when_served(path.path(), "work");
  std::uint64_t back = 0;
  CHECK_OK(test::caller_of(bus, "work").call(test::raw(test::Command{0, 0, 1}), test::raw(back)));
  ledger->stop_handlers = true;
  CHECK(green.wait(10s) == 0);
}
