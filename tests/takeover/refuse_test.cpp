// When nobody gives way: names or types that do not fit, an endpoint that cannot be given yet,
// owners that are stopped or stuck, and what may be done about those.
#include "takeover/world.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

struct Point {
  std::uint32_t x;
  std::uint32_t y;
};
struct Longer {
  std::uint32_t x;
  std::uint64_t y;
};
struct Grown {
  std::uint32_t x;
  std::uint32_t y;
  shmbus::Optional<std::uint32_t> z;
};
using PointAt = Command<"point", Point, Point>;
using LongerAt = Command<"point", Longer, Point>;
using GrownAt = Command<"point", Grown, Point>;

/// Blue of the typed name, in a process of its own.
test::Child typed_blue(const std::string& path) {
  return test::handler_process(path, [](Bus&, Server& server) {
    return bool(server.on<PointAt>([](const Point& in, Point& out) { out = {in.y, in.x}; }));
  });
}

Server standing_by(Bus& bus) {
  auto server = bus.serve({.label = "green", .stand_by = true});
  if (!server) FAIL(test::describe(server.error()));
  return std::move(*server);
}

}  // namespace

TEST_CASE("refused: names that would be left without a handler are listed", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {});
  REQUIRE(test::served_by(*ledger, 1));
  auto bus = test::open_when_served(path.path(), "work");
  auto green = standing_by(bus);
  REQUIRE_OK(green.on("work", [](Context&) { return Status::ok(); }));
  const auto taken = green.take_over(5s);
  CHECK(test::kind(taken) == ErrorKind::already_registered);
  const std::string said{taken.error().message.view()};
  INFO(said);
  CHECK(said.find("'later'") != std::string::npos);
  CHECK(said.find("'post'") != std::string::npos);
  CHECK(said.find("'work'") == std::string::npos);
  CHECK(test::kind(green.run({})) == ErrorKind::invalid_argument);
  // Blue has not noticed anything.
  auto work = test::caller_of(bus, "work");
  std::uint64_t back = 0;
  CHECK_OK(work.call(test::raw(test::Command{}), test::raw(back)));
  // With all of them it goes.
  REQUIRE_OK(green.on("post", [](Context&) { return Status::ok(); }));
  REQUIRE_OK(green.on("later", [](Context&) { return Status::ok(); }));
  CHECK_OK(green.take_over(5s));
  CHECK(blue.wait(5s) == 0);
  CHECK(test::kind(green.take_over(5s)) == ErrorKind::invalid_argument);
}

TEST_CASE("refused: types that the callers would not fit; grown ones are taken", "[takeover]") {
  test::TempBus path;
  auto blue = typed_blue(path.path());
  auto bus = test::open_when_served(path.path(), "point");
  auto caller = bus.caller<PointAt>();
  REQUIRE_OK(caller);
  {
    auto green = standing_by(bus);
    REQUIRE_OK(green.on<LongerAt>([](const Longer&, Point&) {}));
    const auto taken = green.take_over(5s);
    CHECK(test::kind(taken) == ErrorKind::type_mismatch);
    INFO(taken.error().message.view());
    CHECK(taken.error().message.view().find("request.y") != std::string_view::npos);
  }
  const auto before = caller->call({1, 2});
  REQUIRE_OK(before);
  CHECK(before->x == 2);
  auto own = Bus::open(path.path());
  REQUIRE_OK(own);
  auto green = standing_by(*own);
  REQUIRE_OK(green.on<GrownAt>([](const Grown& in, Point& out) {
    out = {in.x, in.z ? *in.z : 9};
  }));
  REQUIRE_OK(green.take_over(5s));
  std::jthread serve([&](const std::stop_token& stop) { (void)green.run(stop); });
  const auto after = caller->call({1, 2});  // of before, without looking it up again
  REQUIRE_OK(after);
  CHECK(after->y == 9);
  auto newer = bus.caller<GrownAt>();
  REQUIRE_OK(newer);
  const auto grown = newer->call({.x = 1, .y = 2, .z = 3});
  REQUIRE_OK(grown);
  CHECK(grown->y == 3);
}

TEST_CASE("not yet: two that would owe answers cannot drain at one time", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {.generation = 1, .answer_at_once = false});
  REQUIRE(test::served_by(*ledger, 1));
  auto bus = test::open_when_served(path.path(), "work");
  auto later = test::caller_of(bus, "later");
  auto first = later.start(test::raw(test::Command{0, 0, 1}), 8, 30s);
  REQUIRE_OK(first);
  REQUIRE(test::eventually([&] { return ledger->deferred == 1; }));
  auto green = test::handler(path.path(), *ledger,
                             {.generation = 2, .take_over = true, .answer_at_once = false});
  REQUIRE(test::served_by(*ledger, 2));

  // Green owes nothing: a third replaces it although blue is still draining.
  auto red = test::handler(path.path(), *ledger,
                           {.generation = 3, .take_over = true, .answer_at_once = false});
  REQUIRE(test::served_by(*ledger, 3));
  CHECK(green.wait(5s) == 0);

  // The third owes an answer, and blue still does.
  auto second = later.start(test::raw(test::Command{0, 0, 2}), 8, 30s);
  REQUIRE_OK(second);
  REQUIRE(test::eventually([&] { return ledger->deferred == 2; }));
  auto refused =
      test::handler(path.path(), *ledger, {.generation = 4, .take_over = true, .within = 300ms});
  CHECK(refused.wait(10s) == 12);
  CHECK(ledger->result == int(ErrorKind::timed_out));

  // Once blue is through, it goes.
  auto patient = test::handler(path.path(), *ledger,
                               {.generation = 5, .take_over = true, .answer_at_once = false});
  test::nap(50ms);
  CHECK(ledger->serving == 3);
  ledger->answer = true;
  CHECK(test::served_by(*ledger, 5));
  CHECK_OK(first->wait());
  CHECK_OK(second->wait());
  CHECK(blue.wait(5s) == 0);
  CHECK(red.wait(5s) == 0);
}

TEST_CASE("stopped: it is asked, then killed if that is wanted", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {.generation = 1, .answer_at_once = false});
  REQUIRE(test::served_by(*ledger, 1));
  auto bus = test::open_when_served(path.path(), "work");
  auto later = test::caller_of(bus, "later");
  auto work = test::caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
  auto started = later.start(test::raw(test::Command{0, 0, 1}), 8, 30s);
  REQUIRE_OK(started);
  REQUIRE(test::eventually([&] { return ledger->deferred == 1; }));
  blue.signal(SIGSTOP);
  auto queued = work.start(test::raw(test::Command{0, 0, 2}), 8, 30s);
  REQUIRE_OK(queued);

  auto polite =
      test::handler(path.path(), *ledger, {.generation = 2, .take_over = true, .within = 200ms});
  CHECK(polite.wait(10s) == 12);
  CHECK(ledger->result == int(ErrorKind::timed_out));
  CHECK(ledger->serving == 1);
  CHECK_FALSE(started->ready());

  auto forced = test::handler(path.path(), *ledger,
                              {.generation = 3,
                               .take_over = true,
                               .within = 200ms,
                               .if_unresponsive = IfUnresponsive::kill});
  REQUIRE(test::served_by(*ledger, 3));
  CHECK(blue.wait(5s) == test::ended_by(SIGKILL));
  CHECK(test::kind(started->wait()) == ErrorKind::handler_died_after_start);
  CHECK_OK(queued->wait());
  CHECK(ledger->run_count[1] == 1);
  CHECK(ledger->run_count[2] == 1);
}

TEST_CASE("stuck in a handler: the same", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler_process(path.path(), [&](Bus&, Server& server) {
    return bool(server.on("work", [&](Context&) {
      ++ledger->reached;
      for (;;) ::pause();
      return Status::ok();
    }));
  });
  auto bus = test::open_when_served(path.path(), "work");
  auto work = test::caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
  auto stuck = work.start(test::raw(test::Command{0, 0, 1}), 8, 30s);
  auto queued = work.start(test::raw(test::Command{0, 0, 2}), 8, 30s);
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  auto own = Bus::open(path.path());
  REQUIRE_OK(own);
  auto green = standing_by(*own);
  int ran = 0;
  REQUIRE_OK(green.on("work", [&](Context&) {
    ++ran;
    return Status::ok();
  }));
  CHECK(test::kind(green.take_over(100ms)) == ErrorKind::timed_out);
  CHECK_OK(green.take_over(100ms, IfUnresponsive::kill));
  CHECK(blue.wait(5s) == test::ended_by(SIGKILL));
  CHECK_OK(green.run_for(50ms));
  CHECK(test::kind(stuck->wait()) == ErrorKind::handler_died_after_start);
  CHECK_OK(queued->wait());
  CHECK(ran == 1);
}

TEST_CASE("never killed: a process that the segment only claims has the bus open", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {});
  REQUIRE(test::served_by(*ledger, 1));
  blue.signal(SIGSTOP);
  test::Child bystander([] {
    for (;;) ::pause();
    return 0;
  });
  auto core = test::join(path.path());
  const auto& view = core->view();
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    if (view.participant(i).pid.load() == std::uint32_t(blue.pid())) {
      view.participant(i).pid.store(std::uint32_t(bystander.pid()));
    }
  }
  auto forced = test::handler(path.path(), *ledger,
                              {.generation = 2,
                               .take_over = true,
                               .within = 100ms,
                               .if_unresponsive = IfUnresponsive::kill});
  CHECK(forced.wait(10s) == 12);
  CHECK(ledger->result == int(ErrorKind::not_permitted));
  CHECK(::kill(bystander.pid(), 0) == 0);
  blue.signal(SIGCONT);
  auto bus = test::open_when_served(path.path(), "work");
  auto work = test::caller_of(bus, "work");
  std::uint64_t back = 0;
  CHECK_OK(work.call(test::raw(test::Command{}), test::raw(back)));
}
